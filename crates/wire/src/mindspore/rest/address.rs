/// Whom a URL names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    pub servable: String,
    pub method: String,
    /// 0 for the newest.
    pub version: u64,
}

impl Address {
    /// Reads a URI's path and query as the original does: by searching for words in it, without decoding.
    ///
    /// So `/model/add/version/1:add_common` and `/version/1/model/add:add_common` are the same, and a query string is
    /// part of the method's name. The error is a whole text.
    pub fn parse(uri: &str) -> Result<Address, String> {
        let servable = word(uri, "model").map(|after| until(after, &['/', ':'])).filter(|name| !name.is_empty());
        let servable = servable.ok_or("please check url, the keyword:[model] must contain.")?;
        let version = word(uri, "version").map_or(Ok(0), number)?;
        let method = uri.split_once(':').map(|(_, method)| method).filter(|name| !name.is_empty());
        let method = method.ok_or("please check url, the keyword:[service method] must contain.")?;
        Ok(Address { servable: servable.into(), method: method.into(), version })
    }
}

/// What comes after a word and the character that follows it.
fn word<'a>(uri: &'a str, word: &str) -> Option<&'a str> {
    let (_, rest) = uri.split_once(word)?;
    let mut rest = rest.chars();
    rest.next();
    Some(rest.as_str())
}

fn until<'a>(text: &'a str, ends: &[char]) -> &'a str {
    text.split(ends).next().unwrap_or_default()
}

fn number(text: &str) -> Result<u64, String> {
    let shown = until(text, &['/', ':']);
    let unsigned = shown.strip_prefix(['-', '+']).unwrap_or(shown);
    let digits: &str = &unsigned[..unsigned.bytes().take_while(u8::is_ascii_digit).count()];
    if digits.is_empty() {
        let what = "please check url, the keyword:[version] value invalid";
        return Err(format!("{what}, request version number {shown}"));
    }
    let allowed = |&version: &u64| version < u64::from(u32::MAX) && (version == 0 || !shown.starts_with('-'));
    let in_range = digits.parse().ok().filter(allowed);
    in_range.ok_or_else(|| format!("please check url, version number range failed, request version number {shown}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_searched_for_words() {
        let cases = [
            ("/model/add:add_common", ("add", "add_common", 0)),
            ("/model/add/version/3:add_common", ("add", "add_common", 3)),
            ("/version/0/model/add:add_common", ("add", "add_common", 0)),
            ("/model/add:f?x=1", ("add", "f?x=1", 0)),
            ("/model/add:a:b", ("add", "a:b", 0)),
            ("/model/a%20b:f", ("a%20b", "f", 0)),
            ("/model/add/version/12ab:f", ("add", "f", 12)),
            ("/model/add/version/+3:f", ("add", "f", 3)),
        ];
        for (uri, (servable, method, version)) in cases {
            let wanted = Address { servable: servable.into(), method: method.into(), version };
            assert_eq!(Address::parse(uri), Ok(wanted), "{uri}");
        }
    }

    #[test]
    fn urls_without_the_words_are_refused() {
        let cases = [
            ("/servable/add:f", "keyword:[model] must contain"),
            ("/model/add", "keyword:[service method] must contain"),
            ("/model/add:", "keyword:[service method] must contain"),
            ("/model/add/version/x:f", "keyword:[version] value invalid, request version number x"),
            ("/model/add/version/x", "keyword:[version] value invalid, request version number x"),
            ("/model/add/version/-:f", "keyword:[version] value invalid, request version number -"),
            ("/model/add/version/-1:f", "version number range failed, request version number -1"),
            ("/model/add/version/4294967295:f", "version number range failed, request version number 4294967295"),
            ("/model/add/version/99999999999999999999:f", "version number range failed"),
            ("/model", "keyword:[model] must contain"),
            ("/model/:f", "keyword:[model] must contain"),
        ];
        for (uri, wanted) in cases {
            let error = Address::parse(uri).unwrap_err();
            assert!(error.contains(wanted), "{uri}: {error}");
        }
    }
}
