//! Upload sessions: what of an object has arrived.
//!
//! They live in memory and end with the process. Of what has arrived without the end of the
//! object, whole quanta count, as in the service.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use domain::Clock as _;
use serde_json::Value;

use super::description::Claims;
use crate::memory::Conditions;
use crate::{SystemClock, Upload};

/// Content is kept in multiples of this. (Cloud Storage documentation, "Resumable uploads".)
pub(super) const QUANTUM_BYTES: usize = 256 * 1024;
/// The largest object of a session.
pub(super) const OBJECT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// So many sessions are remembered, finished ones included; the oldest is forgotten first.
const SESSIONS_MAX: usize = 1000;
/// The most content of all sessions together; beyond it the oldest ones lose theirs.
const SESSIONS_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Every session, oldest first.
pub(crate) struct Sessions {
    sessions: Mutex<VecDeque<Arc<Session>>>,
    bytes_max: usize,
    started_at: i64,
    count: AtomicU64,
}

/// What becomes of the content of a session.
#[derive(Default)]
pub(super) struct Target {
    pub(super) bucket: String,
    pub(super) name: String,
    pub(super) upload: Upload,
    /// They held when the session was opened, and must hold at its end.
    pub(super) conditions: Conditions,
    pub(super) claims: Claims,
}

/// One object on its way.
pub(super) struct Session {
    pub(super) id: String,
    pub(super) target: Target,
    state: Mutex<State>,
    /// How many bytes of content it holds.
    held: AtomicUsize,
}

struct State {
    content: Vec<u8>,
    /// The length of the whole, once it is known.
    total: Option<u64>,
    /// Which request may add content: the last one that came.
    turn: u64,
    end: Option<End>,
}

/// How a session has ended.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// With this object resource.
    Finished(Value),
    /// Without an object.
    Gone,
}

/// Why a request cannot continue a session.
#[derive(Debug)]
pub(super) enum Unfit {
    /// It has ended.
    Ended(End),
    /// The content begins after the end of what is stored.
    Gap {
        /// Where the content begins.
        first: u64,
        /// How much is stored.
        stored: usize,
    },
    /// The length of the whole was said to be this one.
    Total(u64),
    /// A later request has taken over.
    Superseded,
    /// The object would be too large.
    TooLarge,
}

/// The right of one request to add content.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    number: u64,
    /// How much there was before.
    stored: usize,
    /// Where the next byte of the request belongs.
    pub(super) at: usize,
}

impl Sessions {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self::holding(SESSIONS_BYTES_MAX)
    }

    /// None yet, and never more content than so much.
    pub(super) fn holding(bytes_max: usize) -> Self {
        let started_at = SystemClock.now().unix_millis();
        Self { sessions: Mutex::default(), bytes_max, started_at, count: AtomicU64::new(0) }
    }

    /// Opens a session for an object whose length may be known.
    pub(super) fn open(&self, target: Target, total: Option<u64>) -> Arc<Session> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let state = State { content: Vec::new(), total, turn: 0, end: None };
        let session = Arc::new(Session {
            // The instant keeps apart what an emulator on the same port gave out before.
            id: format!("{:x}-{number}", self.started_at),
            target,
            state: Mutex::new(state),
            held: AtomicUsize::new(0),
        });
        let mut sessions = self.lock();
        sessions.push_back(session.clone());
        while sessions.len() > SESSIONS_MAX {
            if let Some(oldest) = sessions.pop_front() {
                oldest.abandon();
            }
        }
        session
    }

    pub(super) fn find(&self, id: &str) -> Option<Arc<Session>> {
        self.lock().iter().find(|session| session.id == id).cloned()
    }

    /// Adds the next bytes of a request; what is stored already is passed over.
    pub(super) fn add(
        &self,
        session: &Arc<Session>,
        turn: &mut Turn,
        bytes: &[u8],
    ) -> Result<(), Unfit> {
        session.add(turn, bytes)?;
        let sessions = self.lock();
        let held = |session: &Arc<Session>| session.held.load(Ordering::Relaxed);
        let mut sum: usize = sessions.iter().map(held).sum();
        for oldest in sessions.iter().filter(|oldest| !Arc::ptr_eq(oldest, session)) {
            if sum <= self.bytes_max {
                break;
            }
            sum -= held(oldest);
            if held(oldest) > 0 {
                oldest.abandon();
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Gives the right to add content from `first` on to a request.
    pub(super) fn begin(&self, first: u64, total: Option<u64>) -> Result<Turn, Unfit> {
        let mut state = self.going()?;
        state.agree(total)?;
        let kept = whole_quanta(state.content.len());
        let at = usize::try_from(first).unwrap_or(usize::MAX);
        if at > kept {
            return Err(Unfit::Gap { first, stored: kept });
        }
        state.content.truncate(kept);
        self.held.store(kept, Ordering::Relaxed);
        state.total = state.total.or(total);
        state.turn += 1;
        Ok(Turn { number: state.turn, stored: kept, at })
    }

    fn add(&self, turn: &mut Turn, bytes: &[u8]) -> Result<(), Unfit> {
        let mut state = self.going()?;
        if state.turn != turn.number {
            return Err(Unfit::Superseded);
        }
        let end = turn.at + bytes.len();
        if end > OBJECT_BYTES_MAX {
            return Err(Unfit::TooLarge);
        }
        // The first bytes of a request are never beyond the end, and neither is what follows.
        let known = state.content.len().saturating_sub(turn.at).min(bytes.len());
        state.content.extend_from_slice(&bytes[known..]);
        turn.at = end;
        self.held.store(state.content.len(), Ordering::Relaxed);
        Ok(())
    }

    /// Forgets what a request has added.
    pub(super) fn rewind(&self, turn: Turn) {
        let mut state = self.lock();
        if state.turn == turn.number && state.end.is_none() {
            state.content.truncate(turn.stored);
            self.held.store(state.content.len(), Ordering::Relaxed);
        }
    }

    /// How much is stored for good.
    pub(super) fn stored(&self) -> Result<usize, Unfit> {
        Ok(whole_quanta(self.going()?.content.len()))
    }

    /// The length of the whole, where it is known, which `total` must not contradict.
    pub(super) fn total(&self, total: Option<u64>) -> Result<Option<u64>, Unfit> {
        let state = self.going()?;
        state.agree(total)?;
        Ok(total.or(state.total))
    }

    /// Ends the session with what `make` makes of the content, if there are `length` bytes of
    /// it; `None` if not. An error leaves the session as it is.
    pub(super) fn finish<E: From<Unfit>>(
        &self,
        length: u64,
        make: impl FnOnce(Bytes) -> Result<Value, E>,
    ) -> Result<Option<Value>, E> {
        let mut state = self.going()?;
        if state.content.len() as u64 != length {
            return Ok(None);
        }
        let mut content = std::mem::take(&mut state.content);
        content.shrink_to_fit();
        let content = Bytes::from(content);
        match make(content.clone()) {
            Ok(resource) => {
                state.end = Some(End::Finished(resource.clone()));
                self.held.store(0, Ordering::Relaxed);
                Ok(Some(resource))
            }
            Err(err) => {
                state.content = content.into();
                Err(err)
            }
        }
    }

    /// Ends the session without an object, unless it has ended.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        if state.end.is_none() {
            state.content = Vec::new();
            state.end = Some(End::Gone);
            self.held.store(0, Ordering::Relaxed);
        }
    }

    fn going(&self) -> Result<MutexGuard<'_, State>, Unfit> {
        let state = self.lock();
        match &state.end {
            None => Ok(state),
            Some(end) => Err(Unfit::Ended(end.clone())),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn agree(&self, total: Option<u64>) -> Result<(), Unfit> {
        if total.is_some_and(|total| total > OBJECT_BYTES_MAX as u64) {
            return Err(Unfit::TooLarge);
        }
        match (self.total, total) {
            (Some(known), Some(total)) if known != total => Err(Unfit::Total(known)),
            _ => Ok(()),
        }
    }
}

fn whole_quanta(bytes: usize) -> usize {
    bytes - bytes % QUANTUM_BYTES
}
