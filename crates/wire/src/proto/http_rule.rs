use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, MethodDescriptor, Value};
use serde::de::IgnoredAny;

use super::field_path::FieldPath;
use super::json::{self, JsonError, Names};
use super::template::{Bindings, Template};
use super::text;

/// One way to a method over plain HTTP, as `option (google.api.http)` has it.
#[derive(Clone, Debug)]
pub struct HttpRule {
    /// `GET`, or another.
    pub verb: String,
    pub template: Template,
    input: MessageDescriptor,
    /// Those that the path binds, in the template's order.
    bound: Vec<FieldPath>,
    body: Content,
    /// The field of the reply that is the whole answer.
    answer: Option<FieldDescriptor>,
}

/// What a request's body is.
#[derive(Clone, Debug)]
enum Content {
    Nothing,
    Message,
    Field(FieldPath),
}

const EXTENSION: &str = "google.api.http";

impl HttpRule {
    /// All ways to a method. Why one is none, in a whole sentence.
    pub fn of(method: &MethodDescriptor) -> Result<Vec<HttpRule>, String> {
        let Some(extension) = method.parent_pool().get_extension_by_name(EXTENSION) else { return Ok(Vec::new()) };
        let options = method.options();
        if !options.has_extension(&extension) {
            return Ok(Vec::new());
        }
        let rule = options.get_extension(&extension);
        let rule = rule.as_message().ok_or_else(|| format!("{EXTENSION} of {} is no message", method.full_name()))?;
        let others = rule.get_field_by_name("additional_bindings");
        let others = others.as_ref().and_then(|others| others.as_list()).unwrap_or_default();
        let rules = std::iter::once(rule).chain(others.iter().filter_map(Value::as_message));
        let read = |rule| HttpRule::read(method, rule);
        rules.map(|rule| read(rule).map_err(|why| format!("{EXTENSION} of {}: {why}", method.full_name()))).collect()
    }

    fn read(method: &MethodDescriptor, rule: &DynamicMessage) -> Result<HttpRule, String> {
        let (verb, path) = pattern(rule)?;
        let template = Template::parse(&path).map_err(|why| format!("path '{path}': {why}"))?;
        let (input, output) = (method.input(), method.output());
        let bound: Result<Vec<FieldPath>, String> = template.fields().map(|name| bindable(&input, name)).collect();
        let body = match said(rule, "body").as_str() {
            "" => Content::Nothing,
            "*" => Content::Message,
            name => Content::Field(FieldPath::resolve(&input, name)?),
        };
        let answer = match said(rule, "response_body").as_str() {
            "" => None,
            name => Some(FieldPath::resolve(&output, name)?.leaf().clone()),
        };
        Ok(HttpRule { verb, template, input, bound: bound?, body, answer })
    }

    /// The message that a request is: what its path binds, its query, percent-encoded, and its body.
    pub fn message(&self, bindings: &Bindings, query: &str, body: &[u8]) -> Result<DynamicMessage, JsonError> {
        let mut message = self.content(body)?;
        for (path, (name, text)) in self.bound.iter().zip(bindings) {
            let value = text::value(path.leaf(), text).map_err(|why| JsonError::new(name.as_str(), why))?;
            path.holder(&mut message).set_field(path.leaf(), value);
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
            self.parameter(&mut message, &unescaped(name)?, &unescaped(text)?)?;
        }
        Ok(message)
    }

    fn content(&self, body: &[u8]) -> Result<DynamicMessage, JsonError> {
        match &self.body {
            Content::Nothing if body.is_empty() => Ok(DynamicMessage::new(self.input.clone())),
            Content::Nothing => Err(JsonError::new("", format!("{} takes no body here", self.template))),
            Content::Message | Content::Field(_) if body.trim_ascii().is_empty() => {
                Ok(DynamicMessage::new(self.input.clone()))
            }
            Content::Message => json::read(&self.input, body),
            Content::Field(path) => {
                // Only what is one document may be put into another.
                serde_json::from_slice::<IgnoredAny>(body).map_err(|error| JsonError::new("", error.to_string()))?;
                let names = path.outer().iter().chain([path.leaf()]).map(FieldDescriptor::json_name);
                let (mut document, mut closing) = (Vec::with_capacity(body.len() + 64), Vec::new());
                for name in names {
                    document.push(b'{');
                    crate::numbers::write_string(&mut document, name);
                    document.push(b':');
                    closing.push(b'}');
                }
                document.extend_from_slice(body);
                document.append(&mut closing);
                json::read(&self.input, &document)
            }
        }
    }

    fn parameter(&self, message: &mut DynamicMessage, name: &str, text: &str) -> Result<(), JsonError> {
        let refuse = |why: String| JsonError::new(name, why);
        if matches!(self.body, Content::Message) {
            return Err(refuse("the whole message is in the body here, and nothing in the query".into()));
        }
        let path = FieldPath::resolve(&self.input, name).map_err(refuse)?;
        let in_body = match &self.body {
            Content::Field(body) => Some(body),
            _ => None,
        };
        if self.bound.iter().chain(in_body).any(|taken| taken.overlaps(&path)) {
            return Err(refuse("it is in the path or the body already".into()));
        }
        let field = path.leaf();
        let value = text::value(field, text).map_err(refuse)?;
        let holder = path.holder(message);
        if field.is_list() {
            if let Value::List(values) = holder.get_field_mut(field) {
                values.push(value);
            }
            return Ok(());
        }
        if holder.has_field(field) {
            return Err(refuse("it is given twice".into()));
        }
        holder.set_field(field, value);
        Ok(())
    }

    /// Writes the answer that a reply is: the message, or the field that the rule names.
    pub fn write_answer(&self, out: &mut Vec<u8>, reply: &DynamicMessage, names: Names) -> Result<(), JsonError> {
        match &self.answer {
            None => json::write(out, reply, names),
            Some(field) => json::write_field(out, reply, field, names),
        }
    }
}

/// The HTTP method and the path of a rule.
fn pattern(rule: &DynamicMessage) -> Result<(String, String), String> {
    for verb in ["get", "put", "post", "delete", "patch"] {
        let path = said(rule, verb);
        if !path.is_empty() {
            return Ok((verb.to_ascii_uppercase(), path));
        }
    }
    let custom = rule.get_field_by_name("custom");
    let custom = custom.as_ref().and_then(|custom| custom.as_message());
    let custom = custom.map(|custom| (said(custom, "kind"), said(custom, "path")));
    match custom {
        Some((kind, path)) if !kind.is_empty() && !path.is_empty() => Ok((kind.to_ascii_uppercase(), path)),
        _ => Err("it names no path; write get: \"/v1/...\", post: or another".into()),
    }
}

fn said(rule: &DynamicMessage, name: &str) -> String {
    let field = rule.get_field_by_name(name);
    field.as_ref().and_then(|field| field.as_str()).unwrap_or_default().into()
}

/// A field that a path can bind.
fn bindable(input: &MessageDescriptor, name: &str) -> Result<FieldPath, String> {
    let path = FieldPath::resolve(input, name)?;
    match path.leaf().is_list() || path.leaf().is_map() {
        true => Err(format!("a path cannot bind field '{name}', which is repeated")),
        false => Ok(path),
    }
}

fn unescaped(text: &str) -> Result<Cow<'_, str>, JsonError> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map(|text| text.into_owned());
    decoded.map(Cow::Owned).map_err(|_| JsonError::new("", format!("'{text}' in the query is not UTF-8")))
}
