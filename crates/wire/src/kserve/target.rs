use salver_core::Error;

use super::input::bad_request;
use crate::Target;

/// Whom a request names: a model, which may be `servable.method`, and a version, where empty means the newest.
pub fn target<'a>(model: &'a str, version: &str) -> Result<Target<'a>, Error> {
    let version = match version {
        "" => None,
        text => Some(number(text)?),
    };
    Ok(Target { servable: model, version, method: None, label: None, dotted: true })
}

fn number(text: &str) -> Result<u64, Error> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let details = match text.parse() {
        Ok(version @ 1..) if digits => return Ok(version),
        Ok(0) => "it is zero",
        Err(_) if digits => "it is too large",
        _ => "it is not a number",
    };
    Err(bad_request(format!(
        "failed to get model version from specified version string '{text}' (details: {details}), \
         version should be an integral value > 0"
    )))
}

#[cfg(test)]
mod tests {
    use super::target;

    #[test]
    fn versions_are_whole_numbers_above_zero() {
        assert_eq!(target("m.f", "").map(|target| target.version), Ok(None));
        assert_eq!(target("m", "17").map(|target| target.version), Ok(Some(17)));
        let cases =
            [("0", "zero"), ("x", "not a number"), ("+1", "not a number"), ("99999999999999999999", "too large")];
        for (version, wanted) in cases {
            let error = target("m", version).unwrap_err().to_string();
            assert!(error.contains(wanted) && error.ends_with("version should be an integral value > 0"), "{error}");
        }
    }
}
