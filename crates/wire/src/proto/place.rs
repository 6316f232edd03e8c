/// Where in a file is what the compiler tells without a place, as `line:column`: what is no UTF-8, a comment that does not
/// end, or the import that begins a cycle.
pub fn place(source: &[u8], message: &str) -> Option<String> {
    let at = match std::str::from_utf8(source) {
        Err(error) => error.valid_up_to(),
        Ok(text) if message.ends_with("end of file") => open_comment(text).unwrap_or(text.len()),
        Ok(text) => import(text, &begins_cycle(message)?)?,
    };
    let before = source.get(..at)?;
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|&&byte| byte != b'\n').count() + 1;
    Some(format!("{line}:{column}"))
}

/// Where a comment begins that nothing ends.
fn open_comment(text: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(&byte) = text.as_bytes().get(at) {
        let rest = &text[at..];
        at += match byte {
            _ if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => match rest[2..].find("*/") {
                Some(length) => length + 4,
                None => return Some(at),
            },
            b'"' | b'\'' => quoted(rest.as_bytes()),
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
    }
    None
}

/// The length of a text in quotes, which ends with its line at the latest.
fn quoted(text: &[u8]) -> usize {
    let (mut at, end) = (1, text.first());
    while let Some(byte) = text.get(at).filter(|&&byte| byte != b'\n') {
        at += 1;
        match byte {
            b'\\' => at += usize::from(text.get(at).is_some_and(u8::is_ascii)),
            _ if Some(byte) == end => return at,
            _ => {}
        }
    }
    at
}

/// What the file that a cycle of imports comes back to imports: `b` of `main -> a -> b -> a`.
fn begins_cycle(message: &str) -> Option<String> {
    let cycle: Vec<&str> = message.strip_prefix("import cycle detected: ")?.split(" -> ").collect();
    let first = cycle.iter().position(|name| Some(name) == cycle.last())?;
    cycle.get(first + 1).map(|name| (*name).into())
}

/// Where a file is imported.
fn import(text: &str, name: &str) -> Option<usize> {
    let named = [format!("\"{name}\""), format!("'{name}'")];
    let mut from = 0;
    for line in text.split_inclusive('\n') {
        if let Some(at) = line.find("import").filter(|&at| named.iter().any(|name| line[at..].contains(name))) {
            return Some(from + at);
        }
        from += line.len();
    }
    None
}
