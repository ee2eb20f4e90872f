//! `GET /packages[/{id}]` and `POST /packages/{id}/{advance|outcome|step}`: looks at reviews and moves them

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use eqp_types::SubmissionId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::files::Page;
use super::problem::Problem;
use super::wait::{patience, until};
use super::wish::{Asked, Id, Wish, one_of};
use crate::market::{Finding, Market, Track};
use crate::review::Step;
use crate::shared::Shared;

const TRACKS: [(&str, Track); 2] = [("technical", Track::Technical), ("marketing", Track::Marketing)];

pub(super) async fn list(State(shared): State<Arc<Shared>>, Asked(page): Asked<Page>) -> Json<Value> {
    let market = shared.market();
    let total: usize = market.accounts.iter().map(|account| account.packages.len()).sum();
    let places = market
        .accounts
        .iter()
        .enumerate()
        .flat_map(|(account, owner)| (0..owner.packages.len()).map(move |package| (account, package)));
    let packages = page.of(places).map(|(account, package)| market.told(account, package));
    Json(json!({"total": total, "packages": packages.collect::<Value>()}))
}

/// What a look at one package may wait for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Until {
    overall: Option<String>,
    technical: Option<String>,
    marketing: Option<String>,
    wait: Option<String>,
}

impl Until {
    fn is_met(&self, package: &Value) -> bool {
        let flows = [("overall", &self.overall), ("technical", &self.technical), ("marketing", &self.marketing)];
        flows
            .iter()
            .all(|(flow, wanted)| wanted.as_ref().is_none_or(|wanted| package["eqp_status"][*flow] == wanted.as_str()))
    }
}

/// One package, by its submission or item id; with wanted states and `wait` once it reads so.
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    id: Id,
    Asked(wanted): Asked<Until>,
) -> Result<Json<Value>, Problem> {
    let look = || {
        let market = shared.market();
        let (account, package) = find(&market, &id)?;
        Ok(market.told(account, package))
    };
    let patience = patience(wanted.wait.as_deref())?;
    let seen = until(&shared, patience, || match look() {
        Ok(package) if !wanted.is_met(&package) => None,
        seen => Some(seen),
    });
    seen.await.unwrap_or_else(|| Err(Problem::timed_out())).map(Json)
}

/// Takes the next step of a review, or all that are left, now.
pub(super) async fn advance(State(shared): State<Arc<Shared>>, id: Id, wish: Wish) -> Result<Json<Value>, Problem> {
    let wish = wish.only(&["flow", "to"])?;
    let track = one_of("flow", wish.needed("flow")?, &TRACKS)?;
    let to_end = wish.one_of("to", &[("next", false), ("end", true)])?.unwrap_or(false);
    change(&shared, &id, |market, submission| {
        if to_end { market.advance_to_end(submission, track).map(drop) } else { market.advance(submission, track) }
    })
}

/// Says how a review ends: now, or when it gets there by itself.
pub(super) async fn outcome(State(shared): State<Arc<Shared>>, id: Id, wish: Wish) -> Result<Json<Value>, Problem> {
    let wish = wish.only(&["flow", "outcome", "reasons", "message", "tool", "when"])?;
    let track = one_of("flow", wish.needed("flow")?, &TRACKS)?;
    let passed = one_of("outcome", wish.needed("outcome")?, &[("approved", true), ("rejected", false)])?;
    let now = wish.one_of("when", &[("now", true), ("later", false)])?.unwrap_or(true);
    let mut finding = if passed { Finding::passed() } else { Finding::failed() };
    let reasons = wish.texts("reasons")?;
    if !reasons.is_empty() {
        finding.reasons = reasons;
    }
    if let Some(message) = wish.text("message")? {
        message.clone_into(&mut finding.message);
    }
    finding.tool = wish.text("tool")?.map(str::to_owned);
    change(&shared, &id, |market, submission| {
        if now { market.end_review(submission, track, finding) } else { market.plan(submission, track, finding) }
    })
}

/// Takes a step of the Marketplace's, now.
pub(super) async fn step(State(shared): State<Arc<Shared>>, id: Id, wish: Wish) -> Result<Json<Value>, Problem> {
    let wish = wish.only(&["step"])?;
    let steps: Vec<_> = Step::ALL.iter().map(|step| (step.as_str(), *step)).collect();
    let step = one_of("step", wish.needed("step")?, &steps)?;
    change(&shared, &id, |market, submission| market.step_now(submission, step))
}

fn change(
    shared: &Shared,
    id: &Id,
    change: impl FnOnce(&mut Market, &SubmissionId) -> Result<(), crate::Error>,
) -> Result<Json<Value>, Problem> {
    shared.change(|market| {
        let (account, package) = find(market, id)?;
        let submission = market.accounts[account].packages[package].submission_id.clone();
        change(market, &submission)?;
        Ok(Json(market.told(account, package)))
    })
}

fn find(market: &Market, Id(id): &Id) -> Result<(usize, usize), Problem> {
    let mut owners = market.accounts.iter().enumerate();
    let found = owners.find_map(|(account, owner)| owner.package_index(id).map(|package| (account, package)));
    found.ok_or_else(|| Problem::not_found(format!("there is no submission or item {id}")))
}
