//! Path templates of `google.api.http`: `/v1/{name=shelves/*}/books:list`.

use std::fmt;

use percent_encoding::percent_decode_str;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    /// One segment, whatever it is.
    One,
    /// All that are left.
    Rest,
}

/// A name for what some of the segments are.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Variable {
    field: String,
    first: usize,
    end: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    segments: Vec<Segment>,
    variables: Vec<Variable>,
    verb: Option<String>,
}

/// What a path says about fields: their names, and text.
pub type Bindings = Vec<(String, String)>;

impl Template {
    /// Reads a template. Why it is none, in a clause.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut reader = Reader { rest: text, segments: Vec::new(), variables: Vec::new() };
        reader.expect('/')?;
        reader.segments(None)?;
        let verb = match reader.rest.strip_prefix(':') {
            Some(verb) => Some(literal(verb)?),
            None => None,
        };
        if verb.is_none() && !reader.rest.is_empty() {
            return Err(format!("'{}' is not expected there", reader.rest));
        }
        let Reader { segments, variables, .. } = reader;
        match segments.iter().position(|segment| *segment == Segment::Rest) {
            Some(place) if place + 1 < segments.len() => Err("'**' must be its last segment".into()),
            _ => Ok(Template { segments, variables, verb }),
        }
    }

    /// The names of the fields that a path binds.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|variable| variable.field.as_str())
    }

    /// What a path binds, if the template fits it: percent-encoded, and without the leading slash.
    pub fn bind(&self, path: &str) -> Option<Bindings> {
        let path = match &self.verb {
            None => path,
            Some(verb) => path.strip_suffix(verb.as_str())?.strip_suffix(':')?,
        };
        let given: Vec<&str> = path.split('/').collect();
        self.fits(&given)?;
        self.variables.iter().map(|variable| Some((variable.field.clone(), self.text(variable, &given)?))).collect()
    }

    /// The text that a variable stands for.
    fn text(&self, variable: &Variable, given: &[&str]) -> Option<String> {
        let end = if self.is_open(variable) { given.len() } else { variable.end };
        let several = end - variable.first != 1 || self.is_open(variable);
        decoded(&given.get(variable.first..end)?.join("/"), several)
    }

    fn is_open(&self, variable: &Variable) -> bool {
        let last = variable.end.checked_sub(1).and_then(|last| self.segments.get(last));
        last == Some(&Segment::Rest)
    }

    fn fits(&self, given: &[&str]) -> Option<()> {
        let open = self.segments.last() == Some(&Segment::Rest);
        let fixed = self.segments.len() - usize::from(open);
        let count = if open { given.len() >= fixed } else { given.len() == fixed };
        let fit = |(segment, given): (&Segment, &&str)| match segment {
            Segment::Literal(text) => percent_decode_str(given).decode_utf8().is_ok_and(|given| given == text.as_str()),
            Segment::One => !given.is_empty(),
            Segment::Rest => true,
        };
        (count && self.segments.iter().zip(given).all(fit)).then_some(())
    }

    /// Templates that fit the same paths have the same pattern; of two that fit a path, the lesser is the closer one.
    pub fn pattern(&self) -> impl Ord + '_ {
        // One with a verb is closer than one without.
        (&self.segments, self.verb.is_none(), &self.verb)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => write!(f, "/{text}")?,
                Segment::One => f.write_str("/*")?,
                Segment::Rest => f.write_str("/**")?,
            }
        }
        self.verb.as_ref().map_or(Ok(()), |verb| write!(f, ":{verb}"))
    }
}

/// One segment's text is decoded; in that of several, slashes that are encoded stay so, to be told from others.
fn decoded(text: &str, several: bool) -> Option<String> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8().ok().map(String::from);
    if !several {
        return decode(text);
    }
    let pieces: Option<Vec<String>> = text.split("%2F").flat_map(|piece| piece.split("%2f")).map(decode).collect();
    pieces.map(|pieces| pieces.join("%2F"))
}

struct Reader<'a> {
    rest: &'a str,
    segments: Vec<Segment>,
    variables: Vec<Variable>,
}

impl Reader<'_> {
    fn expect(&mut self, wanted: char) -> Result<(), String> {
        self.rest = self.rest.strip_prefix(wanted).ok_or_else(|| match self.rest {
            "" => format!("'{wanted}' is missing at its end"),
            rest => format!("'{wanted}' is expected before '{rest}'"),
        })?;
        Ok(())
    }

    /// Segments with slashes between them; those of a variable have none inside.
    fn segments(&mut self, variable: Option<&str>) -> Result<(), String> {
        loop {
            match self.rest.starts_with('{') {
                true if variable.is_some() => return Err("a variable within a variable".into()),
                true => self.variable()?,
                false => self.segment()?,
            }
            match self.rest.strip_prefix('/') {
                Some(rest) => self.rest = rest,
                None => return Ok(()),
            }
        }
    }

    fn segment(&mut self) -> Result<(), String> {
        let end = self.rest.find(['/', ':', '{', '}', '=']).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.segments.push(match text {
            "*" => Segment::One,
            "**" => Segment::Rest,
            text => Segment::Literal(literal(text)?),
        });
        Ok(())
    }

    fn variable(&mut self) -> Result<(), String> {
        self.expect('{')?;
        let end = self.rest.find(['=', '}']).ok_or("'}' is missing")?;
        let (field, rest) = self.rest.split_at(end);
        self.rest = rest;
        let first = self.segments.len();
        match self.rest.strip_prefix('=') {
            Some(rest) => {
                self.rest = rest;
                self.segments(Some(field))?;
            }
            None => self.segments.push(Segment::One),
        }
        self.expect('}')?;
        let twice = self.variables.iter().any(|variable| variable.field == field);
        if field.is_empty() || twice {
            return Err(format!("it binds '{field}' twice, or nothing"));
        }
        self.variables.push(Variable { field: field.into(), first, end: self.segments.len() });
        Ok(())
    }
}

fn literal(text: &str) -> Result<String, String> {
    let plain = !text.is_empty() && !text.contains(['*', '{', '}', '/', ':', '?', '#']);
    let decoded = percent_decode_str(text).decode_utf8().ok().filter(|_| plain);
    decoded.map(String::from).ok_or_else(|| format!("'{text}' cannot be one of its segments"))
}
