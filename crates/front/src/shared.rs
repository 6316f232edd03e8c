use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use arc_swap::ArcSwap;
use salver_core::{Code, Error, Servable};
use salver_engine::{Admission, Entry, Router, Routes, Version};
use salver_wire::json::Version as Listed;
use salver_wire::kserve::index::Indexed;
use salver_wire::kserve::messages::ModelMetadataResponse;
use salver_wire::kserve::metadata;
use salver_wire::tensorflow::{State, VersionStatus};
use salver_wire::Target;
use tokio::sync::watch;

use crate::metrics::Metrics;
use crate::reload::Reloads;
use crate::report;
use crate::services::{mapped_services, Description, Method, Services};
use crate::settings::Settings;

/// A version that does not answer: where it is in its life.
#[derive(Clone, Debug)]
pub struct Absent {
    pub servable: String,
    pub version: u64,
    pub state: State,
    /// Whether it should be served. One that should not is on its way out, or a memory.
    pub wanted: bool,
    /// Why it is not served, if that is a problem; else empty.
    pub problem: String,
}

impl Absent {
    /// Where it is, in the words that people are shown.
    fn word(&self) -> &'static str {
        match self.state {
            State::Start if self.problem.is_empty() => "waiting",
            State::Loading => "loading",
            State::Unloading => "unloading",
            State::Start | State::Available | State::End => "unavailable",
        }
    }

    /// Whether there is a reason why it is not served, which its callers should know.
    fn is_broken(&self) -> bool {
        self.wanted && !self.problem.is_empty()
    }

    fn is_memory(&self) -> bool {
        !self.wanted && self.state == State::End
    }
}

const ASIDE_BYTES: u64 = 64 << 20;
/// What part of the memory for calls there is for pages as well.
const PAGES: u64 = 4;

/// What all network threads see.
pub struct Shared {
    pub settings: Settings,
    pub router: Arc<Router<Version>>,
    pub admission: Arc<Admission>,
    /// Large replies that are not sent yet. Once a client has asked for one it may take its time, also while draining.
    pub outgoing: Arc<Admission>,
    /// For what must be answered however busy the server is: health.
    pub aside: Arc<Admission>,
    /// Large pages that are not sent yet: metrics, and what is told of servables. They take no room from calls' replies.
    pub pages: Arc<Admission>,
    /// Connections of callers.
    pub connections: Arc<Admission>,
    pub metrics: Metrics,
    /// Users' own gRPC services.
    pub services: ArcSwap<Services>,
    /// The two parts of them: those of the process, and those of servables.
    parts: Mutex<(Services, Services)>,
    /// What is known of the other services. Made when somebody asks for it.
    built_in: OnceLock<Result<Description, Error>>,
    pub reloads: Reloads,
    absent: ArcSwap<Vec<Absent>>,
    draining: AtomicBool,
    /// Turns over whenever health may have changed.
    changes: watch::Sender<u64>,
    retiring: watch::Sender<bool>,
    leaving: watch::Sender<bool>,
    stopping: watch::Sender<bool>,
}

impl Shared {
    pub fn new(settings: Settings) -> Shared {
        let router = Arc::new(Router::default());
        let admission = Admission::new(settings.max_calls, settings.max_bytes_in_flight);
        let metrics = Metrics::new(Arc::clone(&router), Arc::clone(&admission));
        let (changes, _) = watch::channel(0);
        let (retiring, _) = watch::channel(false);
        let (leaving, _) = watch::channel(false);
        let (stopping, _) = watch::channel(false);
        let outgoing = Admission::new(u64::MAX, settings.max_bytes_in_flight);
        let aside = Admission::new(u64::MAX, ASIDE_BYTES);
        let pages = Admission::new(u64::MAX, settings.max_bytes_in_flight / PAGES);
        let connections = Admission::new(settings.max_connections, 0);
        let (absent, draining, reloads) = (ArcSwap::default(), AtomicBool::new(false), Reloads::default());
        Shared {
            settings,
            router,
            admission,
            outgoing,
            aside,
            pages,
            connections,
            metrics,
            services: ArcSwap::default(),
            parts: Mutex::default(),
            built_in: OnceLock::new(),
            reloads,
            absent,
            draining,
            changes,
            retiring,
            leaving,
            stopping,
        }
    }

    pub fn publish(&self, mut routes: Routes<Version>, absent: Vec<Absent>) {
        for Absent { servable, version, problem, .. } in absent.iter().filter(|absent| absent.is_broken()) {
            routes.explain(servable, *version, problem);
        }
        self.absent.store(Arc::new(absent));
        let versions = routes.entries().values().flat_map(|entry| entry.versions.values());
        versions.for_each(|version| version.hold_answers_in(&self.outgoing));
        let mapped = mapped_services(&routes);
        self.router.publish(routes);
        self.change_services(|parts| parts.1 = mapped);
        self.changes.send_modify(|turn| *turn += 1);
    }

    /// Replaces, atomically, the services of users' own.
    pub fn serve_services(&self, services: Services) {
        self.change_services(|parts| parts.0 = services);
        self.changes.send_modify(|turn| *turn += 1);
    }

    fn change_services(&self, change: impl FnOnce(&mut (Services, Services))) {
        let mut parts = self.parts.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        change(&mut parts);
        let (services, problems) = parts.0.with(&parts.1);
        problems.iter().for_each(|problem| report::event(format_args!("{problem}")));
        self.services.store(Arc::new(services));
    }

    /// What is known of the services that every server has. The first time takes some milliseconds.
    pub fn built_in(&self) -> Result<&Description, Error> {
        self.built_in.get_or_init(Description::built_in).as_ref().map_err(Error::clone)
    }

    /// Whether that is made.
    pub fn knows_built_in(&self) -> bool {
        self.built_in.get().is_some()
    }

    /// The method of a user's own service at a path, and whether there are any.
    pub fn own_method(&self, path: &str) -> (Option<Arc<Method>>, bool) {
        let services = self.services.load();
        match services.is_empty() {
            true => (None, false),
            false => (services.find(path), true),
        }
    }

    /// Refuses new calls and tells everybody who watches.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.admission.drain();
        self.changes.send_modify(|turn| *turn += 1);
    }

    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Ends listeners, and connections once their calls are answered. Health says so; what still comes on a connection
    /// before its peer has heard is answered.
    pub fn retire(&self) {
        self.draining.store(true, Ordering::Release);
        self.retiring.send_replace(true);
        self.changes.send_modify(|turn| *turn += 1);
    }

    /// Nobody listens any more, so that whoever is told to call elsewhere does not come back.
    pub fn leave(&self) {
        self.leaving.send_replace(true);
    }

    /// Turns true when connections are to end.
    pub fn leaving(&self) -> watch::Receiver<bool> {
        self.leaving.subscribe()
    }

    /// Turns true when listeners are to end.
    pub fn retiring(&self) -> watch::Receiver<bool> {
        self.retiring.subscribe()
    }

    /// Ends connections and the threads that serve them.
    pub fn stop(&self) {
        self.reloads.end();
        self.retiring.send_replace(true);
        self.leave();
        self.stopping.send_replace(true);
    }

    /// Turns true when the server stops.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Whether the server as a whole is ready: it accepts calls, and each servable has a version that answers.
    ///
    /// Other versions that are missing do not count: their callers are served.
    pub fn is_ready(&self) -> bool {
        let routes = self.router.load();
        let answers = |name: &str| routes.entries().get(name).is_some_and(|entry| !entry.versions.is_empty());
        let deserted = |entry: &Entry<Version>| {
            !entry.versions.is_empty() && entry.versions.values().all(|version| version.is_abandoned())
        };
        !self.is_draining()
            && self.absent.load().iter().all(|absent| !absent.wanted || answers(&absent.servable))
            && !routes.entries().values().any(deserted)
    }

    /// Whether what a KServe client names would be answered; an error if it is not known at all.
    pub fn model_ready(&self, target: Target<'_>) -> Result<bool, Error> {
        let found = self.router.load().resolve(target.servable, target.version, target.method, target.dotted);
        match found {
            Ok((version, _)) => Ok(!self.is_draining() && !version.is_abandoned()),
            Err(Error::NotReady { .. }) => Ok(false),
            Err(Error::UnknownVersion { servable, version }) if self.is_wanted(&servable, &version) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether this version should be served, and is not.
    fn is_wanted(&self, servable: &str, version: &str) -> bool {
        let is = |absent: &Absent| absent.servable == servable && absent.version.to_string() == version;
        self.absent.load().iter().any(|absent| absent.wanted && is(absent))
    }

    /// The contract of what a KServe client names, under the name it used.
    pub fn model_metadata(&self, name: &str, target: Target<'_>) -> Result<ModelMetadataResponse, Error> {
        let routes = self.router.load();
        let (version, index) = routes.resolve(target.servable, target.version, target.method, target.dotted)?;
        let servable = version.servable();
        let versions: Vec<u64> = match routes.entries().get(&servable.name) {
            Some(entry) => entry.versions.keys().copied().collect(),
            None => vec![servable.version],
        };
        let method = servable.methods.get(index).ok_or_else(|| Error::internal("a route to no method"))?;
        Ok(metadata::model(name, &versions, servable, method))
    }

    /// Gives every version that there is, should be, or was lately to `show`, in the words of TensorFlow Serving.
    pub fn with_statuses<T>(&self, show: impl FnOnce(&[VersionStatus<'_>]) -> T) -> T {
        self.with_versions(|served, absent| {
            let answering = served.iter().map(|version| status_of(version));
            show(&answering.chain(absent.iter().map(|absent| status_of_absent(absent))).collect::<Vec<_>>())
        })
    }

    /// The same in the words of KServe's repository index.
    pub fn with_index<T>(&self, show: impl FnOnce(&[Indexed<'_>]) -> T) -> T {
        let state = if self.is_draining() { "UNAVAILABLE" } else { "READY" };
        self.with_versions(|served, absent| {
            let answering = served.iter().map(|version| {
                let Servable { name, version: number, .. } = version.servable();
                let (state, reason) = if version.is_abandoned() { ("UNAVAILABLE", DESERTED) } else { (state, "") };
                Indexed { name, version: *number, state, reason }
            });
            show(&answering.chain(absent.iter().map(|absent| indexed(absent))).collect::<Vec<_>>())
        })
    }

    /// Gives everything that is or should be served to `show`.
    pub fn with_listing<T>(&self, show: impl FnOnce(&[Listed<'_>]) -> T) -> T {
        let state = if self.is_draining() { "draining" } else { "ready" };
        self.with_versions(|served, absent| {
            let ready = served.iter().map(|version| {
                let servable = version.servable();
                let (name, number) = (servable.name.as_str(), servable.version);
                let deserted = version.is_abandoned();
                let (state, reason) = if deserted { ("unavailable", Some(DESERTED)) } else { (state, None) };
                Listed { name, version: number, state, reason, servable: Some(servable) }
            });
            let missing = absent.iter().filter(|absent| !absent.is_memory()).map(|absent| listed(absent));
            show(&ready.chain(missing).collect::<Vec<_>>())
        })
    }

    /// Gives the versions that answer, and the others, to `show`.
    fn with_versions<T>(&self, show: impl FnOnce(&[&Version], &[&Absent]) -> T) -> T {
        let (routes, absent) = (self.router.load(), self.absent.load());
        let served: Vec<&Version> =
            routes.entries().values().flat_map(|entry| entry.versions.values()).map(|version| &**version).collect();
        let answers = |absent: &Absent| {
            let entry = routes.entries().get(&absent.servable);
            entry.is_some_and(|entry| entry.versions.contains_key(&absent.version))
        };
        let absent: Vec<&Absent> = absent.iter().filter(|absent| !answers(absent)).collect();
        show(&served, &absent)
    }
}

/// Why a version does not answer that has been loaded.
const DESERTED: &str = "all workers that ran it are gone; it answers again when one is back";

fn status_of(version: &Version) -> VersionStatus<'_> {
    let Servable { name, version: number, .. } = version.servable();
    let (state, code, message) = match version.is_abandoned() {
        false => (State::Available, Code::Ok, ""),
        true => (State::Start, Code::Unavailable, DESERTED),
    };
    VersionStatus { model: name, version: *number, state, code, message }
}

fn status_of_absent(absent: &Absent) -> VersionStatus<'_> {
    let Absent { servable: model, version, state, problem: message, .. } = absent;
    let code = if message.is_empty() { Code::Ok } else { Code::Internal };
    VersionStatus { model, version: *version, state: *state, code, message }
}

fn indexed(absent: &Absent) -> Indexed<'_> {
    let state = match absent.state {
        State::Loading => "LOADING",
        State::Unloading => "UNLOADING",
        State::Start | State::Available | State::End => "UNAVAILABLE",
    };
    let reason = match absent.problem.as_str() {
        "" if absent.is_memory() => "unloaded",
        problem => problem,
    };
    Indexed { name: &absent.servable, version: absent.version, state, reason }
}

fn listed(absent: &Absent) -> Listed<'_> {
    let reason = Some(absent.problem.as_str()).filter(|problem| !problem.is_empty());
    let (name, version) = (absent.servable.as_str(), absent.version);
    Listed { name, version, state: absent.word(), reason, servable: None }
}
