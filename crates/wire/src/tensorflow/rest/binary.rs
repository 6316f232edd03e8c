use bytes::Bytes;
use salver_core::{Answer, Error, Method, Part, Result, Servable};

use crate::tensorflow::errors::Api;
use crate::tensorflow::{self, Form, Spec, Task};
use crate::{Body, Exchange, HttpReply, Target};

/// The content type of bodies that are protobuf messages, in requests and in replies.
pub const PROTOBUF: &str = "application/x-protobuf";

/// Whether a content type says that the body is a protobuf message.
pub fn is_protobuf(content_type: &str) -> bool {
    let media = content_type.split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case(PROTOBUF) || media.eq_ignore_ascii_case("application/protobuf")
}

/// A request to an address of REST whose body is the message that gRPC would have, and whose reply is one too: so
/// tensors travel as they lie in memory. Errors are JSON. Name and version in the message are of no account.
pub enum Binary {
    Predict(tensorflow::Predict),
    Infer(tensorflow::Inference),
}

impl Binary {
    /// A `PredictRequest`; numbers of the reply are in `tensor_content`.
    pub fn predict(address: Spec, body: Bytes) -> Result<Binary> {
        Ok(Binary::Predict(tensorflow::Predict::parse(body, Form::Content)?.at(address)))
    }

    /// A `ClassificationRequest` or `RegressionRequest`.
    pub fn infer(task: Task, address: Spec, body: Bytes) -> Result<Binary> {
        Ok(Binary::Infer(tensorflow::Inference::parse(task, body)?.at(address)))
    }

    fn rendered(&self, servable: &Servable, method: &Method, answer: Answer) -> Result<Body> {
        match self {
            Binary::Predict(predict) => predict.rendered(servable, method, answer),
            Binary::Infer(inference) => inference.rendered(servable, method, answer),
        }
    }
}

impl Exchange for Binary {
    type Reply = HttpReply;

    fn target(&self) -> Result<Target<'_>> {
        match self {
            Binary::Predict(predict) => predict.target(),
            Binary::Infer(inference) => inference.target(),
        }
    }

    fn parts(&mut self, servable: &Servable, method: &Method) -> Result<Vec<Part>> {
        match self {
            Binary::Predict(predict) => predict.parts(servable, method),
            Binary::Infer(inference) => inference.parts(method),
        }
    }

    fn answer(self, servable: &Servable, method: &Method, answer: Answer) -> HttpReply {
        match self.rendered(servable, method, answer) {
            Ok(body) => HttpReply { status: 200, headers: vec![("content-type", PROTOBUF.into())], body },
            Err(error) => self.refuse(&error),
        }
    }

    fn refuse(self, error: &Error) -> HttpReply {
        match &self {
            Binary::Predict(predict) => predict.asked(Api::RestPredict, |asked| asked.http(error)),
            Binary::Infer(inference) => inference.asked(Api::Inference, |asked| asked.http(error)),
        }
    }
}
