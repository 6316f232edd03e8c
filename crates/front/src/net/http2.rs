//! HTTP/2 connections: a task for each, and one for each of its requests.

use std::future::{poll_fn, Future};
use std::pin::{pin, Pin};
use std::sync::Arc;
use std::task::{ready, Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Ping, PingPong, Reason, SendStream};
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, Instant, Sleep};

use super::linger::Busy;
use super::pace::Stall;
use super::peer::Peer;
use super::sniff::Heard;
use crate::http::body::{Piece, ReplyBody};
use crate::http::request_body::RequestBody;
use crate::outgoing::LARGE;
use crate::service::{serve, Answer};
use crate::settings::Settings;
use crate::shared::Shared;

/// How much may wait here of what a client sends.
struct Bounds {
    stream: u32,
    connection: u32,
    /// How many requests at once, if there is a limit.
    streams: Option<u32>,
    /// Requests that a client has begun and reset before anybody could look at them; beyond it the connection is closed.
    pending_resets: usize,
}

/// The largest frame that a client may send.
const FRAME: u32 = 16 * 1024;
/// What is rendered of one reply and not sent.
const SEND_BUFFER: usize = 400 * 1024;
/// Requests that a client's own mistakes have ended; beyond it the connection is closed. Headers that never end, and
/// frames that hold nothing, are bounded by the HTTP library in the same way; pings and settings are answered one by one.
const OWN_RESETS: usize = 1024;

/// Serves a connection to its end, which comes once its calls are answered when the server retires.
pub async fn serve_http2<S>(shared: Arc<Shared>, stream: S, heard: Heard, peer: Arc<Peer>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Whatever ends a connection, here as below, its peer was told in HTTP's own way.
    let Ok(mut connection) = builder(&shared.settings).handshake(stream).await else { return };
    let mut pulse = connection.ping_pong().map(|pings| Pulse::new(pings, shared.settings.keep_alive(), heard));
    let mut leaving = shared.leaving();
    let mut leaves = pin!(leaving.wait_for(|leave| *leave));
    let mut left = false;
    poll_fn(|context| {
        if accept(&mut connection, context, &shared, &peer).is_ready() {
            return Poll::Ready(());
        }
        if !left && leaves.as_mut().poll(context).is_ready() {
            left = true;
            connection.graceful_shutdown();
            context.waker().wake_by_ref();
        }
        if pulse.as_mut().is_some_and(|pulse| pulse.poll_lost(context).is_ready()) {
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
}

impl Bounds {
    const fn of(settings: &Settings) -> Bounds {
        match settings.behind_front {
            false => {
                let streams = Some(settings.max_streams);
                Bounds { stream: 4 << 20, connection: 16 << 20, streams, pending_resets: 20 }
            }
            // The server in front bounds its callers one by one; here none of them may have to wait for another, whose
            // messages nobody takes.
            true => Bounds { stream: 256 << 10, connection: 1 << 30, streams: None, pending_resets: 1024 },
        }
    }
}

fn builder(settings: &Settings) -> Builder {
    let bounds = Bounds::of(settings);
    let mut builder = Builder::new();
    bounds.streams.map(|streams| builder.max_concurrent_streams(streams));
    builder
        .initial_window_size(bounds.stream)
        .initial_connection_window_size(bounds.connection)
        .max_frame_size(FRAME)
        .max_pending_accept_reset_streams(bounds.pending_resets)
        .max_local_error_reset_streams(Some(OWN_RESETS))
        .max_send_buffer_size(SEND_BUFFER)
        .max_header_list_size(settings.max_header_bytes);
    builder
}

/// Has every request served that has come; ready when the connection has ended.
fn accept<S>(
    connection: &mut Connection<S, Bytes>,
    context: &mut Context<'_>,
    shared: &Arc<Shared>,
    peer: &Arc<Peer>,
) -> Poll<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(accepted) = ready!(connection.poll_accept(context)) {
        let Ok((request, respond)) = accepted else { break };
        let (head, frames) = request.into_parts();
        let body = RequestBody::http2(frames, &head.headers);
        let answer = serve(Arc::clone(shared), Arc::clone(peer), Request::from_parts(head, body));
        tokio::spawn(exchange(answer, respond, shared.settings.reply_timeout()));
    }
    Poll::Ready(())
}

/// Answers one request, unless its caller leaves before that, or reads too little for longer than `patience`.
async fn exchange(mut answer: Answer, mut respond: SendResponse<Bytes>, patience: Duration) {
    let busy = Busy::begin();
    let answered = poll_fn(|context| match answer.as_mut().poll(context) {
        Poll::Ready(response) => Poll::Ready(Some(send(&mut respond, response))),
        Poll::Pending => respond.poll_reset(context).map(|_| None),
    });
    let sent = answered.await;
    drop((answer, busy));
    // Where sending fails the caller is gone.
    if let Some(Ok(Some((stream, body)))) = sent {
        let _ = Box::pin(send_rest(stream, body, patience)).await;
    }
}

/// A reply of which something is still to come.
type Unfinished = (SendStream<Bytes>, ReplyBody);

/// Sends the head of a reply, and what there is of a small one, to the end of which nobody looks.
fn send(respond: &mut SendResponse<Bytes>, response: Response<ReplyBody>) -> Result<Option<Unfinished>, h2::Error> {
    let (mut head, mut body) = response.into_parts();
    let over = body.is_end_stream();
    if let Some(length) = body.size_hint().exact().filter(|_| !over) {
        head.headers.entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
    let sent = respond.send_response(Response::from_parts(head, ()), over);
    let mut stream = sent.inspect_err(|_| respond.send_reset(Reason::INTERNAL_ERROR))?;
    let ended = over || send_ready(&mut stream, &mut body)?;
    Ok((!ended).then_some((stream, body)))
}

/// Sends what is ready, up to what is large; whether that was all.
fn send_ready(stream: &mut SendStream<Bytes>, body: &mut ReplyBody) -> Result<bool, h2::Error> {
    let mut most = LARGE;
    while let Some(piece) = body.ready(most) {
        most -= piece.size();
        if send_piece(stream, piece)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether it was the last.
fn send_piece(stream: &mut SendStream<Bytes>, piece: Piece) -> Result<bool, h2::Error> {
    match piece {
        Piece::Data(data, last) => stream.send_data(data, last).map(|()| last),
        Piece::Trailers(trailers) => stream.send_trailers(trailers).map(|()| true),
        Piece::Nothing => stream.send_data(Bytes::new(), true).map(|()| true),
    }
}

/// Sends what is large or comes with time, as there is room for it; in vain once there was none for too long.
async fn send_rest(mut stream: SendStream<Bytes>, mut body: ReplyBody, patience: Duration) -> Result<(), h2::Error> {
    let mut stall = Stall::new(patience);
    loop {
        let room = poll_fn(|context| poll_room(&mut stream, &mut body, &mut stall, context)).await?;
        let piece = poll_fn(|context| poll_more(&mut stream, &mut body, room, context)).await?;
        stall.moved(piece.size());
        if send_piece(&mut stream, piece)? || send_ready(&mut stream, &mut body)? {
            return Ok(());
        }
    }
}

/// How much there is room for. Where there is none for too long, or nobody waits for it, the stream is reset, and what it held
/// is given back.
fn poll_room(
    stream: &mut SendStream<Bytes>,
    body: &mut ReplyBody,
    stall: &mut Stall,
    context: &mut Context<'_>,
) -> Poll<Result<usize, h2::Error>> {
    stream.reserve_capacity(body.next_size().clamp(1, SEND_BUFFER));
    loop {
        match stream.capacity() {
            0 => {}
            room => {
                stall.moved(0);
                return Poll::Ready(Ok(room));
            }
        }
        match stream.poll_capacity(context) {
            Poll::Ready(Some(room)) => drop(room?),
            Poll::Ready(None) => return Poll::Ready(Err(Reason::CANCEL.into())),
            Poll::Pending => {
                if stall.poll_over(context).is_pending() && body.poll_over(context).is_pending() {
                    return Poll::Pending;
                }
                stream.send_reset(Reason::CANCEL);
                return Poll::Ready(Err(Reason::CANCEL.into()));
            }
        }
    }
}

/// The next piece of a reply, no larger than there is room for unless it is small. It is not asked for before there is any.
fn poll_more(
    stream: &mut SendStream<Bytes>,
    body: &mut ReplyBody,
    room: usize,
    context: &mut Context<'_>,
) -> Poll<Result<Piece, h2::Error>> {
    if let Poll::Ready(piece) = body.poll_piece(context, room.max(LARGE)) {
        return Poll::Ready(Ok(piece));
    }
    stream.poll_reset(context).map(|reset| Err(reset.unwrap_or(Reason::CANCEL).into()))
}

/// Whether a peer is still there: one that has been silent is asked.
struct Pulse {
    pings: PingPong,
    interval: Duration,
    next: Pin<Box<Sleep>>,
    heard: Heard,
    asked: bool,
}

impl Pulse {
    fn new(pings: PingPong, interval: Duration, heard: Heard) -> Pulse {
        Pulse { pings, interval, next: Box::pin(sleep(interval)), heard, asked: false }
    }

    /// Ready when the peer was asked and has been silent for an interval nevertheless.
    fn poll_lost(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.next.as_mut().poll(context).is_ready() {
            let silent = !self.heard.anything();
            if silent && self.asked {
                return Poll::Ready(());
            }
            // The library wants its last answer taken before it asks again.
            let _ = self.pings.poll_pong(context);
            self.asked = silent && self.pings.send_ping(Ping::opaque()).is_ok();
            self.next.as_mut().reset(Instant::now() + self.interval);
        }
        Poll::Pending
    }
}
