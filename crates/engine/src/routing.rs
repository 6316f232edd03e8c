//! Which version and method a caller means.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use salver_core::{Error, Servable};

/// One servable: its versions that are ready, and names for some of them. With no version it is known but not ready.
#[derive(Debug)]
pub struct Entry<V> {
    pub versions: BTreeMap<u64, Arc<V>>,
    pub labels: BTreeMap<String, u64>,
}

impl<V> Default for Entry<V> {
    fn default() -> Self {
        Entry { versions: BTreeMap::new(), labels: BTreeMap::new() }
    }
}

impl<V> Clone for Entry<V> {
    fn clone(&self) -> Self {
        Entry { versions: self.versions.clone(), labels: self.labels.clone() }
    }
}

/// Everything that is served, at one moment. Errors carry names as the caller wrote them.
#[derive(Debug)]
pub struct Routes<V> {
    entries: BTreeMap<String, Entry<V>>,
}

impl<V> Default for Routes<V> {
    fn default() -> Self {
        Routes { entries: BTreeMap::new() }
    }
}

impl<V> Clone for Routes<V> {
    fn clone(&self) -> Self {
        Routes { entries: self.entries.clone() }
    }
}

impl<V> Routes<V> {
    pub fn new(entries: BTreeMap<String, Entry<V>>) -> Self {
        Routes { entries }
    }

    /// All servables, sorted by name.
    pub fn entries(&self) -> &BTreeMap<String, Entry<V>> {
        &self.entries
    }

    /// The version with this number, or the highest.
    pub fn resolve_version(&self, servable: &str, version: Option<u64>) -> Result<Arc<V>, Error> {
        let unknown = || Error::UnknownServable { servable: servable.to_string() };
        let entry = self.entries.get(servable).ok_or_else(unknown)?;
        let Some((_, highest)) = entry.versions.last_key_value() else {
            return Err(Error::NotReady { servable: servable.to_string(), version });
        };
        match version {
            None => Ok(highest.clone()),
            Some(number) => entry.versions.get(&number).cloned().ok_or_else(|| unknown_version(servable, number)),
        }
    }

    /// The number of the version with this label.
    pub fn resolve_label(&self, servable: &str, label: &str) -> Result<u64, Error> {
        let unknown = || Error::UnknownServable { servable: servable.to_string() };
        let entry = self.entries.get(servable).ok_or_else(unknown)?;
        entry.labels.get(label).copied().ok_or_else(|| unknown_version(servable, label))
    }
}

impl<V: AsRef<Servable>> Routes<V> {
    /// The version and the index of the method in its servable.
    ///
    /// With `dotted` and no method named, `name` may be `servable.method`: a servable of just this name comes
    /// first, else the name is split at its last dot. No method named means the servable's default.
    pub fn resolve(
        &self,
        name: &str,
        version: Option<u64>,
        method: Option<&str>,
        dotted: bool,
    ) -> Result<(Arc<V>, usize), Error> {
        let (servable, method) = self.split(name, method, dotted);
        let found = self.resolve_version(servable, version)?;
        let index = match method {
            Some(method) => found.as_ref().as_ref().method(method),
            None => found.as_ref().as_ref().default_method(),
        };
        let unknown = || {
            let (servable, method) = (servable.to_string(), method.unwrap_or_default().to_string());
            Error::UnknownMethod { servable, version, method }
        };
        let index = index.ok_or_else(unknown)?;
        Ok((found, index))
    }

    fn split<'a>(&self, name: &'a str, method: Option<&'a str>, dotted: bool) -> (&'a str, Option<&'a str>) {
        if !dotted || method.is_some() || self.entries.contains_key(name) {
            return (name, method);
        }
        match name.rsplit_once('.') {
            Some((servable, method)) if self.entries.contains_key(servable) => (servable, Some(method)),
            _ => (name, None),
        }
    }
}

fn unknown_version(servable: &str, version: impl std::fmt::Display) -> Error {
    Error::UnknownVersion { servable: servable.to_string(), version: version.to_string() }
}

/// The routes of the moment. Readers never wait; whoever changes what is served publishes new routes.
#[derive(Debug)]
pub struct Router<V> {
    routes: ArcSwap<Routes<V>>,
}

impl<V> Default for Router<V> {
    fn default() -> Self {
        Router { routes: ArcSwap::from_pointee(Routes::default()) }
    }
}

impl<V> Router<V> {
    /// The current routes, for a short while.
    pub fn load(&self) -> Guard<Arc<Routes<V>>> {
        self.routes.load()
    }

    /// The current routes, to keep.
    pub fn snapshot(&self) -> Arc<Routes<V>> {
        self.routes.load_full()
    }

    pub fn publish(&self, routes: Routes<V>) {
        self.routes.store(Arc::new(routes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salver_core::{Contract, Method, Plan};

    #[derive(Debug)]
    struct Loaded(Servable);

    impl AsRef<Servable> for Loaded {
        fn as_ref(&self) -> &Servable {
            &self.0
        }
    }

    fn loaded(version: u64, methods: &[&str]) -> (u64, Arc<Loaded>) {
        let contract = Contract { inputs: vec![], outputs: vec![], batched: true };
        let plan = Plan { steps: vec![], outputs: vec![] };
        let method = |name: &&str| Method {
            name: name.to_string(),
            contract: contract.clone(),
            plan: plan.clone(),
            sequence: false,
            origin: None,
        };
        let methods = methods.iter().map(method).collect();
        (
            version,
            Arc::new(Loaded(Servable {
                name: "s".into(),
                version,
                runtime: "none".into(),
                methods,
                stages: vec![],
                services: vec![],
            })),
        )
    }

    fn routes() -> Routes<Loaded> {
        let entry = |versions: Vec<(u64, Arc<Loaded>)>| Entry {
            versions: versions.into_iter().collect(),
            labels: BTreeMap::from([("stable".to_string(), 1)]),
        };
        let all = ["predict", "other", "@call_m_0"];
        Routes::new(BTreeMap::from([
            ("add".to_string(), entry(vec![loaded(1, &["predict"]), loaded(10, &all), loaded(9, &all)])),
            ("a.b".to_string(), entry(vec![loaded(1, &["predict", "c"])])),
            ("a".to_string(), entry(vec![loaded(1, &["b"])])),
            ("empty".to_string(), Entry::default()),
        ]))
    }

    #[test]
    fn names_versions_and_methods_resolve() {
        type Case = (&'static str, Option<u64>, Option<&'static str>, bool, (u64, usize));
        let cases: [Case; 9] = [
            ("add", None, None, false, (10, 0)),
            ("add", Some(9), None, false, (9, 0)),
            ("add", None, Some("other"), false, (10, 1)),
            ("add", None, Some("@call_m_0"), false, (10, 2)),
            ("add.other", None, None, true, (10, 1)),
            ("add.@call_m_0", Some(9), None, true, (9, 2)),
            ("a.b", None, None, true, (1, 0)),
            ("a.b.c", None, None, true, (1, 1)),
            ("a.b", None, Some("c"), true, (1, 1)),
        ];
        for (name, version, method, dotted, wanted) in cases {
            let (found, index) = routes().resolve(name, version, method, dotted).unwrap();
            assert_eq!((found.0.version, index), wanted, "{name} {version:?} {method:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_named_as_the_caller_wrote_it() {
        let unknown = |servable: &str| Error::UnknownServable { servable: servable.into() };
        let no_method = |servable: &str, version, method: &str| Error::UnknownMethod {
            servable: servable.into(),
            version,
            method: method.into(),
        };
        type Case = (&'static str, Option<u64>, Option<&'static str>, bool, Error);
        let cases: [Case; 8] = [
            ("nobody", None, None, true, unknown("nobody")),
            ("no.body", None, None, true, unknown("no.body")),
            ("add.other", None, None, false, unknown("add.other")),
            ("add", Some(2), None, false, unknown_version("add", 2)),
            ("add", Some(1), Some("other"), false, no_method("add", Some(1), "other")),
            ("add.nothing", None, None, true, no_method("add", None, "nothing")),
            ("empty", None, None, false, Error::NotReady { servable: "empty".into(), version: None }),
            ("empty", Some(3), None, false, Error::NotReady { servable: "empty".into(), version: Some(3) }),
        ];
        for (name, version, method, dotted, wanted) in cases {
            assert_eq!(routes().resolve(name, version, method, dotted).err(), Some(wanted), "{name} {method:?}");
        }
    }

    #[test]
    fn labels_name_versions() {
        assert_eq!(routes().resolve_label("add", "stable"), Ok(1));
        assert_eq!(routes().resolve_label("add", "canary"), Err(unknown_version("add", "canary")));
        assert_eq!(routes().resolve_label("x", "stable"), Err(Error::UnknownServable { servable: "x".into() }));
    }

    #[test]
    fn readers_keep_the_routes_they_have() {
        let router = Router::default();
        router.publish(routes());
        let before = router.snapshot();
        router.publish(Routes::default());
        assert_eq!(before.entries().keys().collect::<Vec<_>>(), ["a", "a.b", "add", "empty"]);
        assert!(router.load().entries().is_empty());
    }
}
