use bytes::Bytes;
use salver_core::{Answer, Error, Method, Part, Result, Servable};

use super::document::Document;
use super::{examples, render};
use crate::tensorflow::errors::Api;
use crate::tensorflow::{self, Spec, Task};
use crate::{Exchange, HttpReply, Target};

/// A `classify` or `regress` request on its way.
pub struct Inference(tensorflow::Inference);

impl Inference {
    /// `address` is what the URL says; the signature is the body's.
    pub fn parse(task: Task, address: Spec, body: Bytes) -> Result<Inference> {
        let size = body.len();
        let document = Document::parse(body)?;
        let spec = Spec { signature: document.signature()?, ..address };
        let examples = examples::read(&document, size)?;
        Ok(Inference(tensorflow::Inference::new(task, spec, examples)))
    }
}

impl Exchange for Inference {
    type Reply = HttpReply;

    fn target(&self) -> Result<Target<'_>> {
        self.0.target()
    }

    fn parts(&mut self, _servable: &Servable, method: &Method) -> Result<Vec<Part>> {
        self.0.parts(method)
    }

    fn answer(self, _servable: &Servable, method: &Method, answer: Answer) -> HttpReply {
        match self.0.results(method, answer) {
            Ok(results) => render::results(&results),
            Err(error) => self.refuse(&error),
        }
    }

    fn refuse(self, error: &Error) -> HttpReply {
        self.0.asked(Api::Inference, |asked| asked.http(error))
    }
}
