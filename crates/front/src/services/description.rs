use std::sync::Arc;

use bytes::Bytes;
use prost_reflect::{DescriptorPool, MethodDescriptor};
use salver_core::Error;
use salver_wire::proto::pool;
use salver_wire::reflection::{built_in, Files};

/// What `.proto` files say of services.
pub struct Description {
    /// The files as they were encoded, for reflection.
    pub files: Arc<Files>,
    pool: DescriptorPool,
}

impl Description {
    /// Reads an encoded `FileDescriptorSet`, imports before those who import them.
    pub fn read(set: Bytes) -> Result<Description, Error> {
        let pool = pool(&set)?;
        Ok(Description { files: Arc::new(Files::read(set)?), pool })
    }

    /// That of the services that every server has. It takes some milliseconds to make.
    pub fn built_in() -> Result<Description, Error> {
        Description::read(built_in()?.into())
    }

    /// The method at a path, `/package.Service/Method`.
    pub fn method(&self, path: &str) -> Option<MethodDescriptor> {
        let (service, method) = path.strip_prefix('/')?.split_once('/')?;
        let service = self.pool.get_service_by_name(service)?;
        let found = service.methods().find(|found| found.name() == method);
        found
    }
}
