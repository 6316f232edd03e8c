use percent_encoding::percent_decode_str;
use salver_core::{Error, Result};

use crate::leading::bad_request;
use crate::tensorflow::{Spec, Task, Which};

/// What a request to a path below `/v1/` asks for. In a [`Spec`] of a URL there is no signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `POST /v1/models/<model>[/versions/<n>|/labels/<l>]:predict`
    Predict(Spec),
    /// The same with `:classify` or `:regress`.
    Infer(Task, Spec),
    /// `GET /v1/models/<model>[/versions/<n>|/labels/<l>]`
    Status(Spec),
    /// The same with `/metadata` behind it.
    Metadata(Spec),
    /// `GET /v1/models`, which the original does not have.
    Models,
}

impl Route {
    /// Reads method and path of a request. Names are percent-decoded one by one; all else is the same in capitals.
    pub fn parse(method: &str, path: &str) -> Result<Route> {
        let malformed = || bad_request(format!("Malformed request: {method} {path}"));
        let rest = after(path, "/v1/models").ok_or_else(malformed)?;
        match method {
            "POST" => Route::call(rest).unwrap_or_else(|| Err(malformed())),
            "GET" | "HEAD" => Route::query(rest).unwrap_or_else(|| Err(malformed())),
            _ => Err(malformed()),
        }
    }

    /// `None` if the path has not the form of a call.
    fn call(rest: &str) -> Option<Result<Route>> {
        let (address, verb) = rest.rsplit_once(':')?;
        let verb = verb.to_ascii_lowercase();
        let spec = spec(address)?;
        Some(match verb.as_str() {
            "predict" => spec.map(Route::Predict),
            "classify" => spec.map(|spec| Route::Infer(Task::Classify, spec)),
            "regress" => spec.map(|spec| Route::Infer(Task::Regress, spec)),
            _ => return None,
        })
    }

    /// `None` if the path has not the form of a question.
    fn query(rest: &str) -> Option<Result<Route>> {
        if let "" | "/" = rest {
            return Some(Ok(Route::Models));
        }
        match rest.rsplit_once('/') {
            Some((address, last)) if !address.is_empty() && last.eq_ignore_ascii_case("metadata") => {
                Some(spec(address)?.map(Route::Metadata))
            }
            _ => Some(spec(rest)?.map(Route::Status)),
        }
    }
}

/// What follows a word at the beginning, whatever the case of either.
fn after<'a>(path: &'a str, word: &str) -> Option<&'a str> {
    let (head, rest) = path.split_at_checked(word.len())?;
    head.eq_ignore_ascii_case(word).then_some(rest)
}

/// Reads `/<model>[/versions/<n>|/labels/<l>]`; `None` if it has not this form.
fn spec(address: &str) -> Option<Result<Spec>> {
    let segments: Vec<&str> = address.strip_prefix('/')?.split('/').collect();
    if segments.iter().any(|segment| segment.is_empty() || segment.contains(':')) {
        return None;
    }
    let (name, version) = match segments[..] {
        [name] => (name, Ok(Which::Newest)),
        [name, word, version] if word.eq_ignore_ascii_case("versions") => (name, number(version)),
        [name, word, label] if word.eq_ignore_ascii_case("labels") => (name, labelled(label)),
        _ => return None,
    };
    Some(version.and_then(|version| {
        let name = decoded(name).ok_or_else(|| bad_request(format!("Failed to decode model name:{name}")))?;
        Ok(Spec { name, signature: String::new(), version })
    }))
}

fn number(version: &str) -> Result<Which> {
    let wrong = |_| bad_request(format!("Failed to convert version: {version} to numeric."));
    version.parse().map(Which::Number).map_err(wrong)
}

fn labelled(label: &str) -> Result<Which> {
    let wrong = || -> Error { bad_request(format!("Failed to decode model version label:{label}")) };
    decoded(label).map(Which::Label).ok_or_else(wrong)
}

fn decoded(segment: &str) -> Option<String> {
    percent_decode_str(segment).decode_utf8().ok().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, version: Which) -> Spec {
        Spec { name: name.into(), signature: String::new(), version }
    }

    #[test]
    fn paths_name_a_model_and_what_is_asked_of_it() {
        let newest = || spec("m", Which::Newest);
        let stable = || spec("m", Which::Label("stable".into()));
        let cases = [
            ("POST", "/v1/models/m:predict", Route::Predict(newest())),
            ("POST", "/V1/Models/m/Versions/3:PREDICT", Route::Predict(spec("m", Which::Number(3)))),
            ("POST", "/v1/models/m/labels/stable:classify", Route::Infer(Task::Classify, stable())),
            ("POST", "/v1/models/M:regress", Route::Infer(Task::Regress, spec("M", Which::Newest))),
            ("GET", "/v1/models/m", Route::Status(newest())),
            ("GET", "/v1/models/m/versions/007", Route::Status(spec("m", Which::Number(7)))),
            ("GET", "/v1/models/m/metadata", Route::Metadata(newest())),
            ("GET", "/v1/models/m/labels/stable/METADATA", Route::Metadata(stable())),
            ("GET", "/v1/models/metadata", Route::Status(spec("metadata", Which::Newest))),
            ("GET", "/v1/models/a%2Fb%3Ac%20%C3%A4", Route::Status(spec("a/b:c ä", Which::Newest))),
            ("GET", "/v1/models", Route::Models),
            ("HEAD", "/v1/models/", Route::Models),
        ];
        for (method, path, wanted) in cases {
            assert_eq!(Route::parse(method, path), Ok(wanted), "{method} {path}");
        }
    }

    #[test]
    fn other_requests_are_malformed() {
        let cases = [
            ("GET", "/v1/models/m:predict"),
            ("POST", "/v1/models/m"),
            ("PUT", "/v1/models/m:predict"),
            ("POST", "/v1/models/m:predict/"),
            ("POST", "/v1/models/m:guess"),
            ("POST", "/v1/models/:predict"),
            ("POST", "/v1/models/m/versions/1/labels/x:predict"),
            ("POST", "/v1/models/m/versions/:predict"),
            ("POST", "/v1/models/a:b:predict"),
            ("GET", "/v1/models/m/versions"),
            ("GET", "/v1/models/m/metadata/x"),
            ("GET", "/v1/modelsx"),
            ("GET", "/v1/"),
            ("GET", "/v1/modelé"),
        ];
        for (method, path) in cases {
            let wanted = bad_request(format!("Malformed request: {method} {path}"));
            assert_eq!(Route::parse(method, path), Err(wanted));
        }
    }

    #[test]
    fn versions_are_whole_numbers_and_names_are_text() {
        let cases = [
            (
                "/v1/models/m/versions/99999999999999999999",
                "Failed to convert version: 99999999999999999999 to numeric.",
            ),
            ("/v1/models/m/versions/x/metadata", "Failed to convert version: x to numeric."),
            ("/v1/models/%ff", "Failed to decode model name:%ff"),
            ("/v1/models/m/labels/%ff", "Failed to decode model version label:%ff"),
        ];
        for (path, wanted) in cases {
            assert_eq!(Route::parse("GET", path), Err(bad_request(wanted.into())));
        }
    }
}
