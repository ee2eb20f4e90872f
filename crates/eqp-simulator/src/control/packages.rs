//! `GET /packages[/{id}]` and `POST /packages/{id}/{advance|decision|step}`: reads reviews and moves them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use eqp_types::SubmissionId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::files::Page;
use super::problem::Problem;
use super::request::{Id, Parameters, RequestBody, one_of, patience, until};
use crate::marketplace::{Finding, Marketplace, Track};
use crate::review::Step;
use crate::shared::Shared;

const TRACKS: [(&str, Track); 2] = [("technical", Track::Technical), ("marketing", Track::Marketing)];

pub(super) async fn list(State(shared): State<Arc<Shared>>, Parameters(page): Parameters<Page>) -> Json<Value> {
    let marketplace = shared.marketplace();
    let total: usize = marketplace.accounts.iter().map(|account| account.packages.len()).sum();
    let places = marketplace
        .accounts
        .iter()
        .enumerate()
        .flat_map(|(account, owner)| (0..owner.packages.len()).map(move |package| (account, package)));
    let packages = page.of(places).map(|(account, package)| marketplace.admin_view(account, package));
    Json(json!({"total": total, "packages": packages.collect::<Value>()}))
}

/// The statuses that a read of a package can wait for.
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

/// Returns one package by its submission ID or item ID. With statuses and `wait`, waits until it has them.
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    id: Id,
    Parameters(wanted): Parameters<Until>,
) -> Result<Json<Value>, Problem> {
    let look = || {
        let marketplace = shared.marketplace();
        let (account, package) = find(&marketplace, &id)?;
        Ok(marketplace.admin_view(account, package))
    };
    let patience = patience(wanted.wait.as_deref())?;
    let seen = until(&shared, patience, || match look() {
        Ok(package) if !wanted.is_met(&package) => None,
        seen => Some(seen),
    });
    seen.await.unwrap_or_else(|| Err(Problem::timed_out())).map(Json)
}

/// Takes the next step of a review, or all remaining ones, immediately.
pub(super) async fn advance(
    State(shared): State<Arc<Shared>>,
    id: Id,
    body: RequestBody,
) -> Result<Json<Value>, Problem> {
    let body = body.only(&["flow", "to"])?;
    let track = one_of("flow", body.required("flow")?, &TRACKS)?;
    let to_end = body.one_of("to", &[("next", false), ("end", true)])?.unwrap_or(false);
    change(&shared, &id, |marketplace, submission| {
        if to_end {
            marketplace.advance_to_end(submission, track).map(drop)
        } else {
            marketplace.advance(submission, track)
        }
    })
}

/// Sets the result of a review, immediately or when its end is due.
pub(super) async fn decide(
    State(shared): State<Arc<Shared>>,
    id: Id,
    body: RequestBody,
) -> Result<Json<Value>, Problem> {
    let body = body.only(&["flow", "decision", "reasons", "message", "attachment", "tool", "when"])?;
    let track = one_of("flow", body.required("flow")?, &TRACKS)?;
    let passed = one_of("decision", body.required("decision")?, &[("approved", true), ("rejected", false)])?;
    let now = body.one_of("when", &[("now", true), ("later", false)])?.unwrap_or(true);
    let mut finding = if passed { Finding::passed() } else { Finding::failed() };
    let reasons = body.texts("reasons")?;
    if !reasons.is_empty() {
        finding.reasons = reasons;
    }
    if let Some(message) = body.text("message")? {
        message.clone_into(&mut finding.message);
    }
    finding.attachment = body.text("attachment")?.map(str::to_owned);
    finding.tool = body.text("tool")?.map(str::to_owned);
    change(&shared, &id, |marketplace, submission| {
        if now {
            marketplace.end_review(submission, track, finding)
        } else {
            marketplace.plan(submission, track, finding)
        }
    })
}

/// Takes a step of the Marketplace immediately.
pub(super) async fn step(State(shared): State<Arc<Shared>>, id: Id, body: RequestBody) -> Result<Json<Value>, Problem> {
    let body = body.only(&["step"])?;
    let steps: Vec<_> = Step::ALL.iter().map(|step| (step.as_str(), *step)).collect();
    let step = one_of("step", body.required("step")?, &steps)?;
    change(&shared, &id, |marketplace, submission| marketplace.step_now(submission, step))
}

fn change(
    shared: &Shared,
    id: &Id,
    change: impl FnOnce(&mut Marketplace, &SubmissionId) -> Result<(), crate::Error>,
) -> Result<Json<Value>, Problem> {
    shared.change(|marketplace| {
        let (account, package) = find(marketplace, id)?;
        let submission = marketplace.accounts[account].packages[package].submission_id.clone();
        change(marketplace, &submission)?;
        Ok(Json(marketplace.admin_view(account, package)))
    })
}

fn find(marketplace: &Marketplace, Id(id): &Id) -> Result<(usize, usize), Problem> {
    let mut owners = marketplace.accounts.iter().enumerate();
    let found = owners.find_map(|(account, owner)| owner.package_index(id).map(|package| (account, package)));
    found.ok_or_else(|| Problem::not_found(format!("there is no submission or item {id}")))
}
