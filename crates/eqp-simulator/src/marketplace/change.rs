//! Status changes of a submission: the new timestamp, the callbacks, and the events that follow.

use eqp_types::{EqpStatusUpdate, Extra, Flow, OverallStatus, Timestamp};

use super::Marketplace;
use super::completion;
use super::schedule::ScheduledEvent;
use super::state::{AccountIndex, PackageIndex, Track};
use crate::callback_form;
use crate::clock::SimulatedTime;
use crate::fault::CallbackFacts;
use crate::review::ReviewStatus;

impl Marketplace {
    /// Sets the status of a package, updates its timestamp, sends a callback for every changed flow, and schedules the
    /// next events.
    pub(super) fn set_status(
        &mut self,
        account: AccountIndex,
        package: PackageIndex,
        next: &ReviewStatus,
        at: SimulatedTime,
    ) {
        let before = std::mem::replace(&mut self.accounts[account].packages[package].status, next.clone());
        if before == *next {
            return;
        }
        self.stamp(account, package, at);
        let entry = &mut self.accounts[account].packages[package];
        let mut changed = Vec::new();
        for (track, moved) in [
            (Track::Technical, before.technical != next.technical),
            (Track::Marketing, before.marketing != next.marketing),
        ] {
            if moved {
                entry.last = track;
                changed.push(track);
            }
        }
        if changed.is_empty() {
            changed.push(entry.last);
        }
        for track in changed {
            self.notify_status(account, package, track);
        }
        self.follow_up(account, package, &before, next, at);
    }

    fn follow_up(
        &mut self,
        account: AccountIndex,
        package: PackageIndex,
        before: &ReviewStatus,
        next: &ReviewStatus,
        at: SimulatedTime,
    ) {
        let entry = &mut self.accounts[account].packages[package];
        let ended = next.is_at_its_end();
        for (track, runs) in [(Track::Technical, next.technical_runs()), (Track::Marketing, next.marketing_runs())] {
            if ended || !runs {
                let round = entry.round_mut(track);
                round.generation += 1;
                round.started = false;
            }
        }
        if before.overall == next.overall {
            return;
        }
        match next.overall {
            OverallStatus::Approved => {
                let labels = ["launch", entry.submission_id.as_str()].map(str::to_owned);
                let length = self.varied(self.behaviour.script.timing.launch, &[&labels[0], &labels[1]]);
                let fields = &self.accounts[account].packages[package].fields;
                let length = length.max(completion::wait_for_launch(fields, self.wall_time(at)));
                self.schedule_at(at.saturating_add(length), account, ScheduledEvent::Launch { package });
            }
            OverallStatus::ReleasedToStore => {
                let sku = entry.text("sku").to_owned();
                completion::record_launch(&mut entry.fields, entry.modified_at);
                if !sku.is_empty() {
                    self.accounts[account].launched.insert(sku, package);
                }
                if let Some(after) = self.script_of(account, package).removal() {
                    self.schedule_at(at.saturating_add(after), account, ScheduledEvent::Removal { package });
                }
            }
            _ => {}
        }
    }

    /// Sets `modified_at` of a changed package. With `distinct_seconds` two changes never share a second.
    pub(super) fn stamp(&mut self, account: AccountIndex, package: PackageIndex, at: SimulatedTime) {
        let mut stamp = Timestamp::of(self.wall_time(at));
        let entry = &mut self.accounts[account].packages[package];
        let earliest = if self.behaviour.distinct_seconds {
            entry.modified_at.saturating_add(time::Duration::SECOND)
        } else {
            entry.modified_at
        };
        stamp = stamp.max(earliest);
        entry.modified_at = stamp;
    }

    fn notify_status(&mut self, account: AccountIndex, package: PackageIndex, track: Track) {
        let entry = &self.accounts[account].packages[package];
        let (flow, status) = match track {
            Track::Technical => (Flow::Technical, entry.status.technical.to_string()),
            Track::Marketing => (Flow::Marketing, entry.status.marketing.to_string()),
        };
        let update = EqpStatusUpdate {
            submission_id: entry.submission_id.clone(),
            item_id: entry.item_id.clone(),
            eqp_flow: Some(flow.clone()),
            current_status: Some(status.clone()),
            eqp_state: None,
            eqp_status: Some((&entry.status).into()),
            modified_at: Some(entry.modified_at),
            extra: Extra::new(),
        };
        let facts = CallbackFacts { event: "eqp_status_update", flow, status, identifiers: entry.identifiers() };
        let stamp = entry.modified_at;
        self.notify(account, facts, stamp, |form, extra| callback_form::status_update(update, form, extra));
    }
}
