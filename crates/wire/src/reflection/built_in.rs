//! The services that every server has, by `.proto` files under the names that their clients know.

use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
use protox::{Compiler, Error as Refusal};
use salver_core::Error;

/// The services that every server has.
pub const SERVICES: [&str; 7] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "inference.GRPCInferenceService",
    "mindspore.serving.proto.MSService",
    "tensorflow.serving.ModelService",
    "tensorflow.serving.PredictionService",
];

/// The files that declare them.
const ROOTS: [&str; 7] = [
    HEALTH,
    "grpc/reflection/v1/reflection.proto",
    OLDER_REFLECTION,
    KSERVE,
    MINDSPORE,
    "tensorflow_serving/apis/model_service.proto",
    "tensorflow_serving/apis/prediction_service.proto",
];

const HEALTH: &str = "grpc/health/v1/health.proto";
const OLDER_REFLECTION: &str = "grpc/reflection/v1alpha/reflection.proto";
const KSERVE: &str = "grpc_service.proto";
const MINDSPORE: &str = "mindspore_serving/proto/ms_service.proto";

macro_rules! files {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!("protos/", $name)))),*] };
}

/// Those that nothing but reflection needs.
const FILES: [(&str, &str); 22] = files![
    "grpc/reflection/v1/reflection.proto",
    "tensorflow/core/example/example.proto",
    "tensorflow/core/example/feature.proto",
    "tensorflow/core/framework/tensor.proto",
    "tensorflow/core/framework/tensor_shape.proto",
    "tensorflow/core/framework/types.proto",
    "tensorflow/core/protobuf/error_codes.proto",
    "tensorflow/core/protobuf/meta_graph.proto",
    "tensorflow_serving/apis/classification.proto",
    "tensorflow_serving/apis/get_model_metadata.proto",
    "tensorflow_serving/apis/get_model_status.proto",
    "tensorflow_serving/apis/inference.proto",
    "tensorflow_serving/apis/input.proto",
    "tensorflow_serving/apis/model.proto",
    "tensorflow_serving/apis/model_management.proto",
    "tensorflow_serving/apis/model_service.proto",
    "tensorflow_serving/apis/predict.proto",
    "tensorflow_serving/apis/prediction_service.proto",
    "tensorflow_serving/apis/regression.proto",
    "tensorflow_serving/config/model_server_config.proto",
    "tensorflow_serving/sources/storage_path/file_system_storage_path_source.proto",
    "tensorflow_serving/util/status.proto",
];

/// Compiles the files of the built-in services into an encoded `FileDescriptorSet`, imports first. It takes some
/// milliseconds.
pub fn built_in() -> Result<Vec<u8>, Error> {
    let mut resolver = ChainFileResolver::new();
    resolver.add(GoogleFileResolver::new());
    resolver.add(BuiltIn);
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).include_source_info(true);
    let compiled = compiler.open_files(ROOTS).map(|compiler| compiler.encode_file_descriptor_set());
    compiled.map_err(|error| Error::internal(format!("a built-in .proto file: {error:?}")))
}

struct BuiltIn;

impl FileResolver for BuiltIn {
    fn open_file(&self, name: &str) -> Result<File, Refusal> {
        match name {
            HEALTH => File::from_source(name, include_str!("../../../../src/salver/client/health.proto")),
            KSERVE => File::from_source(name, include_str!("../../../../src/salver/client/kserve.proto")),
            MINDSPORE => {
                File::from_source(name, include_str!("../../../../src/mindspore_serving/proto/ms_service.proto"))
            }
            // The same messages under an older name.
            OLDER_REFLECTION => {
                let newer = include_str!("protos/grpc/reflection/v1/reflection.proto");
                File::from_source(name, &newer.replace("grpc.reflection.v1;", "grpc.reflection.v1alpha;"))
            }
            name => match FILES.iter().find(|(known, _)| *known == name) {
                Some((_, source)) => File::from_source(name, source),
                None => Err(Refusal::file_not_found(name)),
            },
        }
    }
}
