//! Cloud Storage as a process sees it: every operation goes over the network.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use domain::{BoxFuture, Generation, Instant};
use emulator::{Memory, Upload};
use futures_util::FutureExt as _;
use store::{Error, ErrorKind, List, Listed, Metadata, Object, Page, Precondition, Store};

use super::{Call, ClientShortcut, Happen, Network, Sort, Told, Way};

/// The bucket as a process sees it.
pub(crate) struct Client(pub(crate) Arc<Network>);

impl Client {
    /// Sends an operation and waits for its answer. `make` makes it happen; `forbidden` is what
    /// a client answers that is told 403.
    async fn call<T: Clone + Send + 'static>(
        &self,
        (text, sort): (String, Sort),
        mut make: impl FnMut(&Memory) -> Result<T, Error> + Send + 'static,
        forbidden: Option<T>,
        tell: fn(&T) -> Told,
    ) -> Result<T, Error> {
        let slot = Arc::new(Mutex::new(None));
        let filled = Arc::clone(&slot);
        let failed = |kind| Err(Error::new(kind, "the network is at fault"));
        let mut told_before = false;
        let happen = move |bucket: &Memory, way| {
            let result = match way {
                Way::Well => make(bucket),
                Way::LostThere(kind) => failed(kind),
                Way::Late => failed(ErrorKind::Unavailable),
                Way::LostBack(kind) => {
                    // Whatever became of it, nobody is told.
                    make(bucket).map_or(failed(kind), |_| failed(kind))
                }
                Way::Forbidden => forbidden.clone().map_or(failed(ErrorKind::Unavailable), Ok),
            };
            let told = result.as_ref().map_or_else(|err| Told::Error(err.kind), tell);
            // What happens late is no answer any more.
            if !std::mem::replace(&mut told_before, true) {
                *filled.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            }
            told
        };
        let happen: Happen = Box::new(happen);
        let (network, answered) = (Arc::clone(&self.0), Arc::default());
        Travel { network, answered, sent: None, what: Some((text, sort, happen)) }.await;
        let result = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        result.unwrap_or_else(|| failed(ErrorKind::Unavailable))
    }

    fn has(&self, shortcut: ClientShortcut) -> bool {
        self.0.shortcut == Some(shortcut)
    }
}

/// A future that is ready when the answer has arrived.
struct Travel {
    network: Arc<Network>,
    answered: Arc<AtomicBool>,
    sent: Option<u64>,
    what: Option<(String, Sort, Happen)>,
}

impl Future for Travel {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Some((text, sort, happen)) = self.what.take() {
            let call = Call {
                caller: self.network.state().caller,
                text,
                sort,
                happen: Some(happen),
                answered: Arc::clone(&self.answered),
                waker: context.waker().clone(),
                abandoned: false,
            };
            self.sent = Some(self.network.begin(call));
        }
        if self.answered.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        let mut state = self.network.state();
        if let Some(call) = self.sent.and_then(|id| state.calls.get_mut(&id)) {
            call.waker = context.waker().clone();
        }
        Poll::Pending
    }
}

impl Drop for Travel {
    fn drop(&mut self) {
        if let Some(id) = self.sent.filter(|_| !self.answered.load(Ordering::Relaxed)) {
            self.network.abandon(id);
        }
    }
}

/// The bucket in memory answers when it is first asked.
fn at_once<T>(operation: BoxFuture<'_, Result<T, Error>>) -> Result<T, Error> {
    let pending = || Err(Error::new(ErrorKind::Unavailable, "the bucket does not answer"));
    operation.now_or_never().unwrap_or_else(pending)
}

impl Store for Client {
    fn get<'a>(
        &'a self,
        name: &'a str,
        generation: Option<Generation>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        let text = match generation {
            None => format!("get {name}"),
            Some(generation) => format!("get {name} of {generation}"),
        };
        let owned = name.to_owned();
        let make = move |bucket: &Memory| at_once(bucket.get(&owned, generation));
        let forbidden = self.has(ClientShortcut::ForbiddenTakenForMissing).then_some(None);
        let tell = |object: &Option<Object>| {
            object.as_ref().map_or(Told::Nothing, |object| Told::Generation(object.generation))
        };
        Box::pin(self.call((text, Sort::Read), make, forbidden, tell))
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
        metadata: &'a Metadata,
        precondition: Precondition,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        let text = match precondition {
            Precondition::Absent => format!("put {name} if absent"),
            Precondition::At(generation) => format!("put {name} if {generation}"),
        };
        let upload = Upload { metadata: metadata.clone(), ..Upload::default() };
        let again = (body.clone(), upload, name.to_owned());
        let (owned, metadata) = (name.to_owned(), metadata.clone());
        let compares_metageneration = self.has(ClientShortcut::MetagenerationCompared);
        let make = move |bucket: &Memory| {
            let live = || at_once(bucket.get(&owned, None)).ok().flatten();
            let precondition = match (precondition, compares_metageneration) {
                (Precondition::At(_), true) => Precondition::unchanged(live().as_ref()),
                (precondition, _) => precondition,
            };
            at_once(bucket.put(&owned, body.clone(), &metadata, precondition))
        };
        let tell = |generation: &Generation| Told::Generation(*generation);
        Box::pin(async move {
            let put = self.call((text, Sort::Write), make, None, tell).await;
            let lost = matches!(&put, Err(err) if err.kind == ErrorKind::Unavailable);
            if !(lost && self.has(ClientShortcut::RetriedWithoutPrecondition)) {
                return put;
            }
            let (body, upload, name) = again;
            let text = format!("put {name} whatever is there");
            let insert = move |bucket: &Memory| {
                let again = bucket.insert(&name, body.clone(), upload.clone());
                again.map(|stored| stored.generation)
            };
            self.call((text, Sort::Write), insert, None, tell).await
        })
    }

    fn delete<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        let text = format!("delete {name} if {generation}");
        let owned = name.to_owned();
        let make = move |bucket: &Memory| at_once(bucket.delete(&owned, generation));
        Box::pin(self.call((text, Sort::Delete), make, None, |_| Told::Nothing))
    }

    fn erase<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        let text = format!("erase {name} of {generation}");
        let owned = name.to_owned();
        let make = move |bucket: &Memory| at_once(Store::erase(bucket, &owned, generation));
        Box::pin(self.call((text, Sort::Delete), make, None, |_| Told::Nothing))
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>> {
        let text = format!("list {}", list.prefix);
        let (owned, items_max) = (list.clone(), self.0.state().mix.pages);
        let make = move |bucket: &Memory| page(bucket, &owned, items_max);
        Box::pin(self.call((text, Sort::List), make, None, |page| Told::Count(page.items.len())))
    }

    fn versions<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>> {
        let text = format!("versions {name}");
        let owned = name.to_owned();
        let make = move |bucket: &Memory| at_once(bucket.versions(&owned));
        Box::pin(self.call((text, Sort::List), make, None, |versions| Told::Count(versions.len())))
    }

    /// There is one clock in the simulation, and the processes have it too.
    fn answered_at(&self) -> Option<Instant> {
        None
    }
}

/// A page of at most so many items, or of as many as the service gives when that is 0. Its token is
/// the last name on it.
fn page(bucket: &Memory, list: &List, items_max: u64) -> Result<Page, Error> {
    let items_max = usize::try_from(items_max).unwrap_or(usize::MAX);
    // A name of which only some versions fit could not be gone on from by its name.
    if items_max == 0 || list.versions {
        return at_once(bucket.list(list));
    }
    let after = list.page_token.as_ref().map(|last| format!("{last}\0"));
    let start_offset = after.or_else(|| list.start_offset.clone());
    let list = List { start_offset, page_token: None, ..list.clone() };
    let mut page = at_once(bucket.list(&list))?;
    if page.items.len() > items_max {
        page.items.truncate(items_max);
        page.next_page_token = page.items.last().map(|last| last.name.clone());
    }
    Ok(page)
}
