//! Who has the turns of a link's server end: a thread of its own, and threads that come by.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::net::{shutdown, Shutdown};
use salver_engine::{BatchId, Bell, Home, Note, Resident, Version};

use super::driver::{is_end, Driver, Rest};
use super::post::Post;

/// What a lane of a worker consists of: its end of a connection, and, for a worker on this host, the memory of both
/// directions. Without it all data goes over the connection.
pub struct LaneFiles {
    pub socket: OwnedFd,
    pub to_worker: Option<OwnedFd>,
    pub from_worker: Option<OwnedFd>,
}

#[derive(Debug)]
pub struct LinkOptions {
    pub stages: Vec<usize>,
    /// How many batches the lane may hold at once.
    pub slots: usize,
    /// How long it may go without a sign of life while it runs something, before its process is killed.
    pub run_timeout: Duration,
    /// Whether it runs all that it holds at once, instead of one batch after the other.
    pub concurrent: bool,
    /// The worker's process, if it is one.
    pub process: Option<OwnedFd>,
}

/// A running link.
pub struct LinkHandle {
    line: Arc<Line>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl LinkHandle {
    /// Why the link has ended, once it has.
    pub fn ended(&self) -> Option<String> {
        self.line.ended.get().cloned()
    }

    /// Ends the link; what its lane has is lost. Waits until that is so.
    pub fn end(&self) {
        self.line.post.end();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A thread that panicked has nothing left to end.
        thread.map(JoinHandle::join);
    }
}

/// Starts a link for a lane of a worker.
pub fn spawn_link(version: Arc<Version>, files: LaneFiles, options: LinkOptions) -> io::Result<LinkHandle> {
    let post = Post::new()?;
    // Without memory in common, data is copied through the connection, which only the link's own thread may take time for.
    let at_home = files.to_worker.is_some() && files.from_worker.is_some();
    let watched = if at_home { Some(files.socket.try_clone()?) } else { None };
    let socket = Arc::new(files.socket);
    let line = Arc::new(Line {
        driver: Mutex::new(None),
        post: Arc::clone(&post),
        watched: Mutex::new(watched),
        housed: AtomicBool::new(false),
        to_read: AtomicBool::new(false),
        to_feed: AtomicBool::new(false),
        ended: OnceLock::new(),
    });
    let arenas = (files.to_worker, files.from_worker);
    let (stages, slots) = (options.stages.clone(), options.slots);
    let lane = version.add_lane_with_bell(stages, slots, line.clone());
    let begin = || {
        let driver = Driver::new(Arc::clone(&version), lane, Arc::clone(&socket), arenas, options, post)?;
        *line.lock() = Some(driver);
        let own = Arc::clone(&line);
        std::thread::Builder::new().name("salver-link".into()).spawn(move || own.run(&socket))
    };
    match begin() {
        Ok(thread) => Ok(LinkHandle { line, thread: Mutex::new(Some(thread)) }),
        Err(error) => {
            version.lose_lane(lane);
            Err(error)
        }
    }
}

/// One link and its turns.
///
/// The thread of its own does everything. A thread that rings because there is something to take, or that watches the
/// socket (see [`Home`]), has a short turn itself instead of waking the other, if it finds the driver free; if not, it
/// leaves word, and who has the driver looks for that before and after giving it back.
struct Line {
    /// There as long as the link's own thread is, and before it.
    driver: Mutex<Option<Driver>>,
    post: Arc<Post>,
    /// The socket for a home to watch, until there is one.
    watched: Mutex<Option<OwnedFd>>,
    housed: AtomicBool,
    to_read: AtomicBool,
    to_feed: AtomicBool,
    ended: OnceLock<String>,
}

impl Line {
    /// Runs the link to its end, in its own thread.
    fn run(&self, socket: &OwnedFd) {
        while let Some(rest) = self.turn() {
            if let Err(error) = self.sleep(socket, &rest) {
                self.end(&error);
            }
        }
        if let Some(mut driver) = self.lock().take() {
            driver.leave();
        }
        // Whoever still watches a copy of it learns of the end, too, as the worker does. It may be gone already.
        let _ = shutdown(socket, Shutdown::Both);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Driver>> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that there is to do now; None once the link has ended.
    fn turn(&self) -> Option<Rest> {
        while self.ended.get().is_none() {
            // The driver is given back before anybody's word is looked for: who finds it taken leaves word until then.
            let turned = {
                let mut driver = self.lock();
                self.long_turn(driver.as_mut()?)
            };
            match turned {
                Ok(rest) if !self.is_due() => return Some(rest),
                Ok(_) => {}
                Err(error) => self.end(&error),
            }
        }
        None
    }

    fn long_turn(&self, driver: &mut Driver) -> io::Result<Rest> {
        self.to_read.store(false, Ordering::SeqCst);
        driver.read()?;
        self.to_feed.store(false, Ordering::SeqCst);
        driver.turn()
    }

    fn is_due(&self) -> bool {
        self.to_read.load(Ordering::SeqCst) || self.to_feed.load(Ordering::SeqCst)
    }

    /// The short turn of a thread that comes by.
    fn help(&self) {
        while self.is_due() && self.ended.get().is_none() {
            let mut driver = match self.driver.try_lock() {
                Ok(driver) => driver,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            // Before it begins, its own thread will look by itself.
            let Some(driver) = driver.as_mut() else { return };
            match self.short_turn(driver) {
                Ok(rest) if rest.unsent || rest.aside || rest.until.is_some() => self.post.ring(),
                Ok(_) => {}
                Err(error) => {
                    self.end(&error);
                    self.post.ring();
                }
            }
        }
    }

    fn short_turn(&self, driver: &mut Driver) -> io::Result<Rest> {
        if self.to_read.swap(false, Ordering::SeqCst) {
            let any = driver.read()?;
            self.to_feed.fetch_or(any, Ordering::SeqCst);
        }
        driver.feed(self.to_feed.swap(false, Ordering::SeqCst))
    }

    fn end(&self, error: &io::Error) {
        let reason = if is_end(error) { "the worker is gone".into() } else { error.to_string() };
        // The first reason is the reason.
        let _ = self.ended.set(reason);
    }

    /// Waits until something has come from the worker (unless that is watched for elsewhere), there is room for what is
    /// unsent, somebody wakes the link, or it is time.
    fn sleep(&self, socket: &OwnedFd, rest: &Rest) -> io::Result<()> {
        if self.post.may_sleep() {
            let mut wanted = PollFlags::empty();
            wanted.set(PollFlags::OUT, rest.unsent);
            wanted.set(PollFlags::IN, !self.housed.load(Ordering::SeqCst));
            let mut waiting = [
                PollFd::from_borrowed_fd(socket.as_fd(), wanted),
                PollFd::from_borrowed_fd(self.post.wake.as_fd(), PollFlags::IN),
            ];
            let most = rest.until.and_then(|most| Timespec::try_from(most).ok());
            match poll(&mut waiting, most.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.post.awake();
        Ok(())
    }
}

impl Bell for Line {
    fn ring(&self) {
        if !self.housed.load(Ordering::SeqCst) {
            return self.post.ring();
        }
        self.to_feed.store(true, Ordering::SeqCst);
        self.help();
    }

    fn tell(&self, batch: BatchId, note: Note) {
        self.post.tell(batch, note);
    }

    fn settle(self: Arc<Self>, home: &dyn Home) {
        let socket = self.watched.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(socket) = socket {
            self.housed.store(true, Ordering::SeqCst);
            home.watch(socket, self);
        }
    }
}

impl Resident for Line {
    fn readable(&self) -> bool {
        self.to_read.store(true, Ordering::SeqCst);
        self.help();
        self.ended.get().is_none()
    }

    fn homeless(&self) {
        self.housed.store(false, Ordering::SeqCst);
        self.post.ring();
    }
}
