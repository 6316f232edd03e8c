use std::sync::Arc;

use prost_reflect::MethodDescriptor;

use super::http_rule::HttpRule;
use super::template::Bindings;

/// The ways to all methods of all services, each for a target.
#[derive(Debug)]
pub struct Routes<T> {
    /// The closest first.
    routes: Vec<(Arc<HttpRule>, T)>,
}

/// What a path leads to.
#[derive(Debug)]
pub enum Found<'r, T> {
    Route {
        rule: &'r Arc<HttpRule>,
        target: &'r T,
        bindings: Bindings,
    },
    /// Nothing with this HTTP method, but with these.
    OtherVerbs(Vec<&'r str>),
    Nothing,
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Routes { routes: Vec::new() }
    }
}

impl<T: Clone> Routes<T> {
    /// Reads the rules of all methods. Of two that are for the same paths, the first stays.
    ///
    /// With the routes come whole sentences about what is no use and was left out.
    pub fn new<'m>(methods: impl IntoIterator<Item = (&'m MethodDescriptor, T)>) -> (Routes<T>, Vec<String>) {
        let (mut routes, mut problems): (Vec<(HttpRule, T, &MethodDescriptor)>, _) = (Vec::new(), Vec::new());
        for (method, target) in methods {
            for rule in HttpRule::of(method).unwrap_or_else(|problem| {
                problems.push(problem);
                Vec::new()
            }) {
                let same = routes
                    .iter()
                    .find(|(other, ..)| other.verb == rule.verb && other.template.pattern() == rule.template.pattern());
                match same {
                    None => routes.push((rule, target.clone(), method)),
                    Some((_, _, other)) => problems.push(format!(
                        "{} {} leads to {}, and cannot lead to {} too",
                        rule.verb,
                        rule.template,
                        other.full_name(),
                        method.full_name()
                    )),
                }
            }
        }
        routes.sort_by(|(one, ..), (other, ..)| one.template.pattern().cmp(&other.template.pattern()));
        (Routes { routes: routes.into_iter().map(|(rule, target, _)| (Arc::new(rule), target)).collect() }, problems)
    }
}

impl<T> Routes<T> {
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Where a path leads: percent-encoded, and without the leading slash. `HEAD` is as `GET`.
    pub fn find(&self, verb: &str, path: &str) -> Found<'_, T> {
        let verb = if verb == "HEAD" { "GET" } else { verb };
        let mut others: Vec<&str> = Vec::new();
        for (rule, target) in &self.routes {
            let Some(bindings) = rule.template.bind(path) else { continue };
            if rule.verb == verb {
                return Found::Route { rule, target, bindings };
            }
            if !others.contains(&rule.verb.as_str()) {
                others.push(&rule.verb);
            }
        }
        match others.is_empty() {
            true => Found::Nothing,
            false => Found::OtherVerbs(others),
        }
    }
}
