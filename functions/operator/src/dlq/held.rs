//! Letters that are leased, and given back.

use std::time::Duration;

use domain::Instant;
use store::Tools;

use super::Filter;
use super::letter::Letter;
use crate::google::{Refusal, Services};
use crate::{Operator, Problem};

/// How long a letter is kept from others should this process die.
pub(super) const LEASE: Duration = Duration::from_secs(300);

/// The most letters of one pull.
const PULLED_MAX: usize = 100;

/// The most letters that are looked at.
const LOOKED_AT_MAX: usize = 5_000;

/// After so many pulls that give nothing, nothing more is at hand.
const EMPTY_PULLS: u32 = 2;

/// Between a pull that gave nothing and the next.
const PATIENCE: Duration = Duration::from_millis(300);

/// Letters under a lease of this process.
pub(super) struct Held<'a> {
    services: &'a Services,
    tools: &'a Tools,
    /// Those that the filter takes.
    letters: Vec<Letter>,
    /// Subscription and id of everything that is leased.
    leased: Vec<(String, String)>,
    leased_at: Instant,
    looked_at: usize,
    subscriptions: usize,
    all: bool,
}

impl<'a> Held<'a> {
    pub(super) fn new(services: &'a Services, tools: &'a Tools) -> Self {
        let (letters, leased, leased_at) = (Vec::new(), Vec::new(), tools.clock.now());
        Self {
            services,
            tools,
            letters,
            leased,
            leased_at,
            looked_at: 0,
            subscriptions: 0,
            all: true,
        }
    }

    /// Those that were found.
    pub(super) fn letters(&self) -> &[Letter] {
        &self.letters
    }

    /// Leases what `filter` takes, and everything that is in its way.
    pub(super) async fn gather(
        &mut self,
        operator: &Operator<'_>,
        filter: &Filter,
    ) -> Result<(), Problem> {
        for subscription in &filter.subscriptions {
            let name = subscription.dead();
            let mut empty = 0;
            self.subscriptions += 1;
            while empty < EMPTY_PULLS {
                let enough = self.looked_at >= LOOKED_AT_MAX || self.letters.len() >= filter.limit;
                self.all &= !enough;
                if enough || filter.is_done(self.letters.len()) {
                    break;
                }
                let received = self.services.pull(&name, PULLED_MAX).await.map_err(|refusal| {
                    let text = refusal.text;
                    Problem::new(match refusal.status {
                        404 => format!("{text}: is --env right? `--function` leaves others out"),
                        403 => format!("{text}: it takes roles/pubsub.subscriber on {name}"),
                        _ => text,
                    })
                })?;
                if received.is_empty() {
                    empty += 1;
                    self.tools.clock.sleep(PATIENCE).await;
                    continue;
                }
                let ids: Vec<String> = received.iter().map(|it| it.ack_id.clone()).collect();
                self.leased.extend(ids.iter().map(|id| (name.clone(), id.clone())));
                self.services.lease(&name, &ids, LEASE).await?;
                for received in received {
                    self.looked_at += 1;
                    let letter = Letter::read(subscription, received);
                    // Its lease may have ended while others were pulled, and it comes once more.
                    if let Some(known) = self.letters.iter_mut().find(|it| it.id == letter.id) {
                        known.ack_id = letter.ack_id;
                    } else if filter.takes(&letter) && !filter.is_done(self.letters.len()) {
                        self.letters.push(letter);
                    }
                }
                let looked_at = self.looked_at;
                operator.screen.progress(self.tools.clock.now(), || {
                    format!("{looked_at} dead letters looked at")
                });
            }
        }
        Ok(())
    }

    /// Keeps what is left for as long again, where that is due.
    pub(super) async fn keep(&mut self) -> Result<(), Refusal> {
        let now = self.tools.clock.now();
        if now < self.leased_at.after(LEASE / 3) {
            return Ok(());
        }
        self.leased_at = now;
        self.each(LEASE).await
    }

    /// What has `ack_id` is acknowledged, and held no more.
    pub(super) fn forget(&mut self, ack_id: &str) {
        self.leased.retain(|(_, id)| id != ack_id);
    }

    /// Gives back what is left.
    pub(super) async fn release(&mut self) -> Result<(), Refusal> {
        let released = self.each(Duration::ZERO).await;
        self.leased.clear();
        released
    }

    async fn each(&self, lease: Duration) -> Result<(), Refusal> {
        let mut names: Vec<&String> = self.leased.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let of = self.leased.iter().filter(|(it, _)| it == name).map(|(_, id)| id.clone());
            self.services.lease(name, &of.collect::<Vec<_>>(), lease).await?;
        }
        Ok(())
    }

    /// How many were found among how many.
    pub(super) fn summary(&self) -> String {
        let Self { letters, looked_at, subscriptions, all, .. } = self;
        let more = if *all { "" } else { "; there may be more: --limit" };
        let found = letters.len();
        format!("{found} of {looked_at} dead letters in {subscriptions} subscriptions{more}")
    }
}
