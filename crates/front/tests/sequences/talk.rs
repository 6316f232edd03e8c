//! A client of `ModelStreamInfer`.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::client::ResponseFuture;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request};
use prost::Message;
use salver_wire::kserve::messages::{
    InferParameter, InferTensor, ModelInferRequest, ModelStreamInferResponse, ParameterChoice,
};

use crate::client::{connect, wait};
use crate::served::Served;

pub struct Talk {
    requests: Option<SendStream<Bytes>>,
    replies: Replies,
    read: BytesMut,
}

enum Replies {
    Coming(ResponseFuture),
    Here(RecvStream),
}

impl Talk {
    pub fn begin(served: &Served) -> Talk {
        Talk::begin_with(served, &[])
    }

    pub fn begin_with(served: &Served, headers: &[(&'static str, &'static str)]) -> Talk {
        let mut client = wait(connect(served.address.clone()).0.ready()).unwrap();
        let path = format!("http://{}/inference.GRPCInferenceService/ModelStreamInfer", served.address);
        let mut request = Request::post(path).header("content-type", "application/grpc").header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (response, requests) = client.send_request(request.body(()).unwrap(), false).unwrap();
        Talk { requests: Some(requests), replies: Replies::Coming(response), read: BytesMut::new() }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: Bytes) {
        self.requests.as_mut().unwrap().send_data(bytes, false).unwrap();
    }

    /// Asks a method about some texts, a row each.
    pub fn ask(&mut self, method: &str, id: &str, texts: &[&str]) {
        self.send(framed(&request(method, id, texts)));
    }

    /// Says that there are no more requests.
    pub fn close(&mut self) {
        self.requests.take().unwrap().send_data(Bytes::new(), true).unwrap();
    }

    fn replies(&mut self) -> &mut RecvStream {
        if let Replies::Coming(response) = &mut self.replies {
            let response = wait(response).unwrap();
            assert_eq!(response.headers()["content-type"], "application/grpc");
            self.replies = Replies::Here(response.into_body());
        }
        match &mut self.replies {
            Replies::Here(stream) => stream,
            Replies::Coming(_) => unreachable!(),
        }
    }

    /// The next message.
    pub fn reply(&mut self) -> ModelStreamInferResponse {
        loop {
            let length = self.read.get(1..5).map(|mut prefix| prefix.get_u32() as usize);
            if let Some(length) = length.filter(|length| self.read.len() >= 5 + length) {
                self.read.advance(5);
                return ModelStreamInferResponse::decode(self.read.split_to(length).freeze()).unwrap();
            }
            let replies = self.replies();
            let data = wait(replies.data()).expect("the stream has ended").unwrap();
            replies.flow_control().release_capacity(data.len()).unwrap();
            self.read.extend_from_slice(&data);
        }
    }

    /// The gRPC status and text at the end, before which no message comes.
    pub fn end(&mut self) -> (String, String) {
        let replies = self.replies();
        while let Some(data) = wait(replies.data()) {
            assert_eq!(data.unwrap(), "", "a message instead of the end");
        }
        let trailers: HeaderMap = wait(replies.trailers()).unwrap().unwrap();
        let text = |name: &str| trailers.get(name).map_or("", |value| value.to_str().unwrap()).to_string();
        (text("grpc-status"), text("grpc-message"))
    }
}

pub fn request(method: &str, id: &str, texts: &[&str]) -> ModelInferRequest {
    let mut raw = BytesMut::new();
    for text in texts {
        raw.put_u32_le(text.len() as u32);
        raw.extend_from_slice(text.as_bytes());
    }
    let shape = vec![texts.len() as i64];
    let input = InferTensor { name: "x".into(), datatype: "BYTES".into(), shape, ..Default::default() };
    ModelInferRequest {
        model_name: format!("story.{method}"),
        id: id.into(),
        inputs: vec![input],
        raw_input_contents: vec![raw.freeze()],
        ..Default::default()
    }
}

/// A parameter that is true.
pub fn yes() -> InferParameter {
    InferParameter { parameter_choice: Some(ParameterChoice::BoolParam(true)) }
}

pub fn framed(message: &impl Message) -> Bytes {
    let mut out = BytesMut::new();
    out.put_u8(0);
    out.put_u32(message.encoded_len() as u32);
    message.encode(&mut out).unwrap();
    out.freeze()
}

/// What a message says: the id of its request, the texts of its output or the error, whether it is the final one.
pub fn said(reply: ModelStreamInferResponse) -> (String, Result<Vec<String>, String>, bool) {
    let response = reply.infer_response.unwrap();
    let is_final = response.parameters.get("triton_final_response") == Some(&yes());
    if !reply.error_message.is_empty() {
        return (response.id, Err(reply.error_message), is_final);
    }
    let mut texts = Vec::new();
    for mut raw in response.raw_output_contents {
        while raw.has_remaining() {
            let length = raw.get_u32_le() as usize;
            texts.push(String::from_utf8(raw.split_to(length).to_vec()).unwrap());
        }
    }
    (response.id, Ok(texts), is_final)
}
