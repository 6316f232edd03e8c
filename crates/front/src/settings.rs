use std::time::Duration;

use serde::Deserialize;

/// What a stranger may send and how long they may take, and how many threads serve them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The largest request, also after decompression.
    pub max_message_bytes: u64,
    /// The largest set of headers of one request.
    pub max_header_bytes: u32,
    /// The most concurrent requests of one HTTP/2 connection.
    pub max_streams: u32,
    /// The most connections at once; more are closed as they come.
    pub max_connections: u64,
    /// The most requests in flight, over all connections.
    pub max_calls: u64,
    /// The most bytes of requests in flight, over all connections.
    pub max_bytes_in_flight: u64,
    /// How long a client may take to say what it speaks, for the TLS handshake, and for a request's headers; and how long
    /// what it has begun to send may pause.
    pub header_timeout_ms: u64,
    /// How long a reply may wait to be read before it is given up, and its call cancelled.
    pub reply_timeout_ms: u64,
    /// How often an idle HTTP/2 connection is asked whether it still lives.
    pub keep_alive_ms: u64,
    pub network_threads: usize,
    /// How long a call over plain HTTP may take, its stream excepted, if there is a limit.
    #[serde(default)]
    pub http_timeout_ms: Option<u64>,
    /// Whether callers of every address may change what is served.
    #[serde(default)]
    pub allow_reload: bool,
    /// Whether TensorFlow Serving's clients get numbers as bytes, in `tensor_content`.
    #[serde(default)]
    pub tensor_content: bool,
    /// The path at which metrics have the names of TensorFlow Serving, if there is to be one.
    #[serde(default)]
    pub tensorflow_metrics: Option<String>,
    #[serde(default)]
    pub speaks: Speaks,
    /// Whether its only client is a server whose worker it is: each connection then carries the calls of many callers.
    #[serde(default)]
    pub behind_front: bool,
    /// The origins whose pages browsers let use this server; `*` is all of them.
    #[serde(default)]
    pub cors_origins: Vec<String>,
}

/// What a server's listeners speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speaks {
    #[default]
    Everything,
    /// MindSpore Serving over HTTP alone, whatever the URL.
    MindsporeRest,
}

impl Settings {
    pub fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_timeout_ms)
    }

    pub fn reply_timeout(&self) -> Duration {
        Duration::from_millis(self.reply_timeout_ms)
    }

    pub fn http_timeout(&self) -> Option<Duration> {
        self.http_timeout_ms.map(Duration::from_millis)
    }

    pub fn keep_alive(&self) -> Duration {
        Duration::from_millis(self.keep_alive_ms)
    }
}
