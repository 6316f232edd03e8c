//! Workers of services that are lost, or cannot be reached.

use std::net::Shutdown;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::caller::Caller;
use crate::served::{served_behind, wait_until};
use crate::workers::{answer, socket, team};

/// The way to a worker, which can be cut.
struct Wire {
    path: PathBuf,
    ends: Arc<Mutex<Vec<UnixStream>>>,
}

impl Wire {
    fn to(worker: &Path) -> Wire {
        let (path, ends) = (socket(), Arc::new(Mutex::new(Vec::new())));
        let listener = UnixListener::bind(&path).unwrap();
        let (kept, worker) = (Arc::clone(&ends), worker.to_path_buf());
        std::thread::spawn(move || {
            for near in listener.incoming() {
                let (near, far) = (near.unwrap(), UnixStream::connect(&worker).unwrap());
                for (mut from, mut to) in
                    [(&near, &far), (&far, &near)].map(|(a, b)| (a.try_clone().unwrap(), b.try_clone().unwrap()))
                {
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
                kept.lock().unwrap().extend([near, far]);
            }
        });
        Wire { path, ends }
    }

    fn cut(&self) {
        self.ends.lock().unwrap().drain(..).for_each(|end| end.shutdown(Shutdown::Both).unwrap_or_default());
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[test]
fn callers_of_a_worker_that_is_lost_are_told_at_once() {
    let team = team(1);
    let (path, worker) = &team.workers[0];
    let wire = Wire::to(path);
    team.table.remove(path);
    team.table.add(&wire.path);
    let mut waits = Caller::begin(&team.front, "/s.S/both");
    let mut reads = Caller::ask(&team.front, "/s.S/out", b"");
    let calls = [worker.take(), worker.take()];
    let tells = calls.iter().find(|call| &*call.method.path == "/s.S/out").unwrap();
    tells.send("first".into(), true);
    assert_eq!(reads.next().unwrap(), "first");
    wire.cut();
    for (caller, method) in [(&mut waits, "both"), (&mut reads, "out")] {
        let text = format!("the worker that answered /s.S/{method} was lost; call it again");
        assert_eq!(caller.status(), ("14".into(), text));
    }
    calls.iter().for_each(|call| call.abandon());
    // It lives, and the next call finds it.
    let mut caller = Caller::ask(&team.front, "/s.S/unary", b"");
    answer(worker, "there");
    assert_eq!(caller.next().unwrap(), "there");
    // Where nobody is any more, nobody is asked until the worker is said to be back.
    std::fs::remove_file(&wire.path).unwrap();
    wire.cut();
    wait_until(|| team.table.sockets().is_empty());
    let none = "no worker is ready to answer /s.S/unary";
    assert_eq!(Caller::ask(&team.front, "/s.S/unary", b"").status(), ("14".into(), none.into()));
    team.table.add(path);
    let mut caller = Caller::ask(&team.front, "/s.S/unary", b"");
    answer(worker, "back");
    assert_eq!(caller.next().unwrap(), "back");
    team.idle();
}

#[test]
fn a_worker_that_cannot_be_reached_is_passed_over() {
    let team = team(1);
    let gone = socket();
    team.table.remove(&team.workers[0].0);
    team.table.add(&gone);
    team.table.add(&team.workers[0].0);
    let mut caller = Caller::ask(&team.front, "/s.S/unary", b"");
    answer(&team.workers[0].1, "there");
    assert_eq!(caller.next().unwrap(), "there");
    assert_eq!(team.table.sockets(), [team.workers[0].0.clone()]);
    team.idle();
}

#[test]
fn a_worker_that_cannot_be_reached_for_now_is_not_lost() {
    let team = team(1);
    let (late, worker) = (socket(), served_behind());
    // As with too few descriptors: why it fails says nothing of the worker.
    let _deaf = UnixDatagram::bind(&late).unwrap();
    team.table.add(&late);
    for _ in 0..3 {
        let mut caller = Caller::ask(&team.front, "/s.S/unary", b"");
        answer(&team.workers[0].1, "there");
        assert_eq!(caller.next().unwrap(), "there");
    }
    team.table.remove(&team.workers[0].0);
    let (code, text) = Caller::ask(&team.front, "/s.S/unary", b"").status();
    let unreached = "no worker that answers /s.S/unary can be reached: ";
    assert!(code == "14" && text.starts_with(unreached), "{code} {text}");
    assert_eq!(team.table.sockets(), std::slice::from_ref(&late));
    std::fs::remove_file(&late).unwrap();
    worker.server.listen(&format!("unix:{}", late.display()), None).unwrap();
    let mut caller = Caller::ask(&team.front, "/s.S/unary", b"");
    answer(&worker, "back");
    assert_eq!(caller.next().unwrap(), "back");
    team.idle();
}
