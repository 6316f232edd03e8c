//! Methods of users' own services that are methods of servables: one message is one row.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{ready, Context, Poll};
use std::time::Instant;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use http::HeaderMap;
use salver_core::{Answer, Error, Item, Method as Contract};
use salver_engine::{Admission, Permit, Routes, Version};
use salver_wire::proto::{mapped, Ending, Mapped, MappedRpc, Pairs, RowCall, Said};

use super::{add_metadata, Backend, Description, Event, Messages, Method, Services, Status, Value};
use crate::call::{ask, Facts};
use crate::metrics::Protocol;
use crate::net::arrivals::{Arrivals, Arrived, Ongoing};
use crate::outgoing::counted;
use crate::report;
use crate::shared::Shared;

/// A method of one version of a servable. The version stays open for as long as somebody may just have found it here.
#[derive(Clone)]
pub struct Rows {
    version: Arc<Version>,
    rpc: Arc<MappedRpc>,
}

/// The services of all servables: those of the highest version of each. Of two of one name, that of the servable whose
/// name comes first.
pub fn mapped_services(routes: &Routes<Version>) -> Services {
    let (mut methods, mut descriptions, mut known) = (Vec::new(), Vec::new(), Vec::new());
    for version in routes.entries().values().filter_map(|entry| entry.versions.values().next_back()) {
        let name = &version.servable().name;
        for service in mapped(version.servable()).unwrap_or_else(|problem| told(name, &problem)) {
            if known.contains(&service.name) {
                report::event(format_args!("servable '{name}': service {} is served by another", service.name));
                continue;
            }
            match Description::read(service.files.clone()) {
                Ok(description) => descriptions.push(Arc::new(description)),
                Err(error) => report::event(format_args!("servable '{name}': {error}")),
            }
            methods.extend(service.rpcs.iter().map(|rpc| method(&service, version, rpc)));
            known.push(service.name);
        }
    }
    Services::new(methods, None).described(descriptions)
}

fn told(servable: &str, problem: &str) -> Vec<Mapped> {
    report::event(format_args!("servable '{servable}': {problem}"));
    Vec::new()
}

fn method(service: &Mapped, version: &Arc<Version>, rpc: &Arc<MappedRpc>) -> Method {
    let path = format!("/{}/{}", service.name, rpc.descriptor.name());
    let backend = Backend::Rows(Rows { version: Arc::clone(version), rpc: Arc::clone(rpc) });
    Method::new(path, false, rpc.descriptor.is_server_streaming(), backend)
}

/// A call as it is begun.
pub(super) struct RowsCall<'a> {
    pub rows: &'a Rows,
    pub protocol: Protocol,
    pub began: Instant,
    pub deadline: Option<Instant>,
    pub headers: HeaderMap,
    pub messages: Messages,
    pub permit: Permit,
}

/// The answer to a call, as it comes. Dropping it cancels the call if it is not over.
pub(super) struct RowsReply {
    exchange: RowCall,
    method: usize,
    ongoing: Ongoing,
    arrivals: Arrivals,
    said: VecDeque<Event>,
    over: bool,
    /// Holds the memory of what was said last.
    last: Option<Permit>,
    outgoing: Arc<Admission>,
}

impl RowsReply {
    pub fn begin(shared: &Shared, call: RowsCall<'_>) -> Result<RowsReply, Status> {
        let RowsCall { rows, protocol, began, deadline, headers, messages, mut permit } = call;
        let Messages::One(message) = messages else {
            return Err(Status::from(&Error::internal("a stream of messages for a row")));
        };
        let received = message.len();
        let servable = rows.version.servable();
        let mut exchange = RowCall::new(Arc::clone(&rows.rpc), servable, message);
        let method = rows.rpc.method;
        let facts = Facts { protocol, began, deadline, received, headers: &headers, permit: &mut permit };
        let asked = ask(&mut exchange, servable, method, facts).map_err(|error| Status::from(&error))?;
        let streaming = servable.methods.get(method).is_some_and(|method| method.sequence);
        let outgoing = Arc::clone(&shared.outgoing);
        let arrivals = Arrivals::new(shared);
        let ongoing = arrivals.submit(Arc::clone(&rows.version), asked, streaming);
        ongoing.hold(permit);
        let said = VecDeque::new();
        Ok(RowsReply { exchange, method, ongoing, arrivals, said, over: false, last: None, outgoing })
    }

    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        loop {
            if let Some(event) = self.said.pop_front() {
                return Poll::Ready(event);
            }
            let arrived = ready!(self.arrivals.poll(context));
            self.take(arrived);
        }
    }

    fn take(&mut self, arrived: Arrived) {
        let Arrived { items, done, permit, .. } = arrived;
        self.last = permit;
        self.ongoing.took(items.len(), done);
        let version = Arc::clone(&self.ongoing.version);
        let Some(method) = version.servable().methods.get(self.method) else { return };
        if method.sequence {
            items.into_iter().for_each(|item| self.item(method, item));
        } else {
            let answer = Answer { items }.into_columns().and_then(|row| self.exchange.say(method, &row));
            self.say(answer);
        }
        if done {
            self.end(Ending::default());
        }
    }

    fn item(&mut self, method: &Contract, item: Item) {
        match item.outcome {
            Ok(row) if row.is_empty() => {}
            Ok(row) => self.say(self.exchange.say(method, &row)),
            Err(error) => self.say(Err(error)),
        }
        if item.last {
            self.end(Ending::default());
        }
    }

    fn say(&mut self, said: Result<Vec<Said>, Error>) {
        let said = said.unwrap_or_else(|error| vec![Said::End(Ending::from(&error))]);
        for said in said.into_iter().take_while(|_| !self.over).collect::<Vec<Said>>() {
            match said {
                Said::Message(bytes) => match counted(&self.outgoing, bytes) {
                    Ok(bytes) => self.said.push_back(Event::Message { bytes, compress: true }),
                    Err(error) => self.end(Ending::from(&error)),
                },
                Said::Metadata(pairs) => match headers(&pairs) {
                    Ok(headers) => self.said.push_back(Event::Metadata { headers, encoding: None }),
                    Err(error) => self.end(Ending::from(&error)),
                },
                Said::End(ending) => self.end(ending),
            }
        }
    }

    /// Ends the call, unless that is done.
    fn end(&mut self, ending: Ending) {
        if !std::mem::replace(&mut self.over, true) {
            self.said.push_back(Event::End(status(ending).unwrap_or_else(|error| Status::from(&error))));
        }
    }
}

fn status(ending: Ending) -> Result<Status, Error> {
    let mut trailers = headers(&ending.trailers)?;
    if !ending.details.is_empty() {
        add_metadata(&mut trailers, "grpc-status-details-bin", &Value::Bytes(ending.details))
            .map_err(Error::internal)?;
    }
    Ok(Status { code: ending.code, message: ending.message, trailers })
}

fn headers(pairs: &Pairs) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (key, value) in pairs {
        let value = match key.ends_with("-bin") {
            true => Value::Bytes(STANDARD.decode(value).map_err(|error| Error::internal(error.to_string()))?),
            false => Value::Text(value.clone()),
        };
        add_metadata(&mut headers, key, &value).map_err(Error::internal)?;
    }
    Ok(headers)
}
