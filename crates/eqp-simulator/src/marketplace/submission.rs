//! Creates and changes packages.

use eqp_types::{BatchItem, EqpStatus, ItemId, JsonObject, SubmissionId, Timestamp};
use serde_json::{Map, Value};

use super::completion::with_archive;
use super::field::{self, Review};
use super::state::{Account, AccountIndex, PackageEntry, PackageIndex, Track};
use super::{Marketplace, NewVersions, completion, values};
use crate::error_response::ErrorResponse;
use crate::review::ReviewStatus;
use crate::review::request::{self, Actions, OverallAction, ReviewAction};
use crate::rng;

/// The largest number of items of a batch.
const LONGEST_BATCH: usize = 1000;

impl Marketplace {
    /// Creates packages. A rejected item has only `code` and `message` and does not affect the others.
    pub(crate) fn create_packages(
        &mut self,
        account: AccountIndex,
        body: &Value,
    ) -> Result<Vec<BatchItem>, ErrorResponse> {
        let answer = batch(body)?.iter().map(|item| match self.create_package(account, item) {
            Ok(package) => created(&self.accounts[account].packages[package]),
            Err(refused) => refused.item(),
        });
        Ok(answer.collect())
    }

    /// Changes packages, each identified by its `submission_id`.
    pub(crate) fn update_packages(
        &mut self,
        account: AccountIndex,
        body: &Value,
    ) -> Result<Vec<BatchItem>, ErrorResponse> {
        let mut answer = Vec::new();
        for item in batch(body)? {
            let id = item.get("submission_id").and_then(Value::as_str).unwrap_or_default();
            let updated = match self.accounts[account].by_submission.get(id).copied() {
                Some(package) => self.update_package(account, package, item),
                None => Err(ErrorResponse::not_found("submission", id)),
            };
            answer.push(match updated {
                Ok(package) => changed(&self.accounts[account].packages[package]),
                Err(refused) => refused.item(),
            });
        }
        Ok(answer)
    }

    /// Changes one package, identified by its submission ID or item ID.
    pub(crate) fn update_one(
        &mut self,
        account: AccountIndex,
        id: &str,
        body: &Value,
    ) -> Result<BatchItem, ErrorResponse> {
        let package = self.accounts[account]
            .package_index(id)
            .ok_or_else(|| ErrorResponse::not_found("submission or item", id))?;
        let package = self.update_package(account, package, body)?;
        Ok(changed(&self.accounts[account].packages[package]))
    }

    fn create_package(&mut self, account: AccountIndex, item: &Value) -> Result<PackageIndex, ErrorResponse> {
        let body = item.as_object().ok_or_else(|| ErrorResponse::bad_request("An item must be an object"))?;
        let fields: Map<String, Value> =
            field::read(body)?.into_iter().map(|(name, _, value)| (name.to_owned(), value)).collect();
        let asked = read_actions(body)?;
        let item_id = read_item_id(body)?;
        let owner = &self.accounts[account];
        if item_id.as_ref().is_some_and(|id| owner.by_item.contains_key(id.as_str())) {
            return Err(ErrorResponse::new(http::StatusCode::CONFLICT, "The item_id is already used"));
        }
        let fields = self.completed(account, fields, asked);
        check(&self.accounts[account], &fields, asked)?;
        self.check_versions(account, None, &fields, asked)?;
        let next = request::apply(&ReviewStatus::draft(), asked, false)?;

        let number = self.next_number();
        let letters = rng::letters(self.behaviour.seed, &["submission", &number.to_string()], 9);
        let submission_id = SubmissionId::new(format!("s{letters}"))
            .map_err(|reason| ErrorResponse::bad_request(format!("the submission's id {reason}")))?;
        let at = self.clock.elapsed();
        let now = Timestamp::of(self.wall_time(at));
        let owner = &mut self.accounts[account];
        let package = owner.packages.len();
        owner.by_submission.insert(submission_id.to_string(), package);
        if let Some(item_id) = &item_id {
            owner.by_item.insert(item_id.to_string(), package);
        }
        owner.packages.push(PackageEntry { item_id, fields, ..PackageEntry::draft(submission_id, now) });
        self.link_files(account, package, &[]);
        self.enter(account, package, &next);
        Ok(package)
    }

    fn update_package(
        &mut self,
        account: AccountIndex,
        package: PackageIndex,
        item: &Value,
    ) -> Result<PackageIndex, ErrorResponse> {
        let body = item.as_object().ok_or_else(|| ErrorResponse::bad_request("An item must be an object"))?;
        let sent = field::read(body)?;
        let asked = read_actions(body)?;
        let owner = &self.accounts[account];
        let entry = &owner.packages[package];
        let technical_is_open = request::technical_is_open(&entry.status);
        let marketing_is_open = request::marketing_is_open(&entry.status);
        let mut fields = entry.fields.clone();
        let mut edits_listing = false;
        for (name, review, value) in sent {
            let is_open = match review {
                Review::Technical => technical_is_open,
                Review::Marketing => marketing_is_open,
                Review::Either => technical_is_open || marketing_is_open,
                Review::CreateOnly => false,
            };
            // Fields that cannot be changed now are ignored, as read-only ones are.
            if is_open && fields.get(name) != Some(&value) {
                // A change of prices alone needs no review.
                edits_listing |= review != Review::Technical && name != "prices";
                fields.insert(name.to_owned(), value);
            }
        }
        let next = request::apply(&entry.status, asked, edits_listing)?;
        let fields = self.completed(account, fields, asked);
        let owner = &self.accounts[account];
        check(owner, &fields, asked)?;
        let entry = &owner.packages[package];
        let is_changed = fields != entry.fields;
        let before = field::file_ids(&entry.fields);
        self.check_versions(account, Some(package), &fields, asked)?;
        self.accounts[account].packages[package].fields = fields;
        self.link_files(account, package, &before);
        if is_changed && next == self.accounts[account].packages[package].status {
            self.stamp(account, package, self.clock.elapsed());
        }
        self.enter(account, package, &next);
        Ok(package)
    }

    /// Returns the fields with those that the Marketplace adds: SKU and version of the archive, a launch date and, if
    /// the package is submitted, the inherited fields.
    fn completed(&self, account: AccountIndex, fields: Map<String, Value>, asked: Actions) -> Map<String, Value> {
        let owner = &self.accounts[account];
        let mut fields = with_archive(owner, fields);
        completion::date_on_approval(&mut fields, self.wall_time(self.clock.elapsed()));
        let is_submitted = [asked.technical, asked.marketing].contains(&Some(ReviewAction::Submit));
        if is_submitted && self.behaviour.new_versions == NewVersions::Inherit {
            completion::from_the_store(owner, &mut fields);
        }
        fields
    }

    /// Sets the status that follows from a request, and starts the reviews that it submits.
    fn enter(&mut self, account: AccountIndex, package: PackageIndex, next: &ReviewStatus) {
        let at = self.clock.elapsed();
        let entry = &mut self.accounts[account].packages[package];
        for (track, begins) in [
            (Track::Technical, next.technical_runs() && !entry.status.technical_runs()),
            (Track::Marketing, next.marketing_runs() && !entry.status.marketing_runs()),
        ] {
            if begins {
                let round = entry.round_mut(track);
                round.attempt += 1;
                round.generation += 1;
                round.started = false;
            }
        }
        self.set_status(account, package, next, at);
        self.start_reviews(account, package, at);
    }

    /// Updates the packages of every file; `before` are the files that this package used before the change.
    fn link_files(&mut self, account: AccountIndex, package: PackageIndex, before: &[String]) {
        let owner = &mut self.accounts[account];
        let after = field::file_ids(&owner.packages[package].fields);
        for id in before.iter().chain(&after) {
            let Some(file) = owner.file_numbers.get(id).and_then(|number| owner.files.get_mut(number)) else {
                continue;
            };
            if after.contains(id) {
                file.packages.insert(package);
            } else {
                file.packages.remove(&package);
            }
        }
    }
}

/// Returns the items of a batch; rejects a body that is not a batch.
fn batch(body: &Value) -> Result<&[Value], ErrorResponse> {
    match body.as_array().map(Vec::as_slice) {
        Some([]) | None => Err(ErrorResponse::insufficient("The body must be an array with at least one package")),
        Some(items) if items.len() > LONGEST_BATCH => {
            Err(ErrorResponse::bad_request(format!("A request can contain at most {LONGEST_BATCH} packages")))
        }
        Some(items) => Ok(items),
    }
}

/// Checks the fields and files of a submitted package; drafts are not checked.
fn check(owner: &Account, fields: &Map<String, Value>, asked: Actions) -> Result<(), ErrorResponse> {
    let submits_technical = asked.technical == Some(ReviewAction::Submit);
    let submits_marketing = asked.marketing == Some(ReviewAction::Submit);
    if submits_technical {
        field::check_technical(fields)?;
    }
    if submits_marketing {
        field::check_marketing(fields)?;
    }
    if submits_technical || submits_marketing {
        values::check(fields)?;
        let mut is_scanning = false;
        for id in field::file_ids(fields) {
            let file = owner.file(&id).ok_or_else(|| ErrorResponse::bad_request(format!("There is no file {id}")))?;
            is_scanning |= !file.malware_status.has_passed() && !file.malware_status.has_failed();
        }
        if is_scanning {
            return Err(ErrorResponse::scan_in_progress());
        }
    }
    Ok(())
}

fn read_item_id(body: &Map<String, Value>) -> Result<Option<ItemId>, ErrorResponse> {
    let text = match body.get("item_id") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => return Err(ErrorResponse::bad_request("`item_id` has a wrong type")),
    };
    ItemId::new(text).map(Some).map_err(|reason| ErrorResponse::bad_request(format!("`item_id` {reason}")))
}

fn read_actions(body: &Map<String, Value>) -> Result<Actions, ErrorResponse> {
    let wrong = |flow: &str| ErrorResponse::bad_request(format!("`action.{flow}` is not an action"));
    let action = match body.get("action") {
        None | Some(Value::Null) => return Ok(Actions::default()),
        Some(Value::Array(items)) if items.is_empty() => return Ok(Actions::default()),
        Some(Value::Object(action)) => action,
        Some(_) => return Err(ErrorResponse::bad_request("`action` has a wrong type")),
    };
    let text = |flow: &str| match action.get(flow) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(wrong(flow)),
    };
    let review = |flow: &str| text(flow)?.map(|text| text.parse::<ReviewAction>().map_err(|_| wrong(flow))).transpose();
    let overall =
        text("overall")?.map(|text| text.parse::<OverallAction>().map_err(|_| wrong("overall"))).transpose()?;
    Ok(Actions { overall, technical: review("technical")?, marketing: review("marketing")? })
}

/// Returns the item for a created package.
fn created(package: &PackageEntry) -> BatchItem {
    BatchItem { created_at: Some(package.created_at), ..changed(package) }
}

/// Returns the item for a changed package.
fn changed(package: &PackageEntry) -> BatchItem {
    BatchItem {
        code: Some(200),
        message: Some("Success".to_owned()),
        submission_id: Some(package.submission_id.clone()),
        item_id: package.item_id.clone(),
        eqp_status: Some(EqpStatus::from(&package.status)),
        created_at: None,
        modified_at: Some(package.modified_at),
        extra: JsonObject::new(),
    }
}
