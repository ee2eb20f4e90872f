//! Creating and changing packages.

use eqp_types::{ItemId, SubmissionId, Timestamp};
use serde_json::{Map, Value, json};

use super::account::{AccountIndex, PackageIndex};
use super::archive::with_archive;
use super::field::{self, Review};
use super::package::{PackageEntry, Track};
use super::{Account, Market, NewVersions, inherit, launch, values};
use crate::chance;
use crate::refused::Refused;
use crate::review::ReviewStatus;
use crate::review::request::{self, Ask, AskOverall, Asked};

/// The items of a batch's answer, in the order of the request.
type BatchAnswer = Vec<Value>;

/// A batch holds at most so many items.
const LONGEST_BATCH: usize = 1000;

impl Market {
    /// Creates packages; an item that is refused has only `code` and `message`, the others succeed beside it.
    pub(crate) fn create_packages(&mut self, account: AccountIndex, body: &Value) -> Result<BatchAnswer, Refused> {
        let answer = batch(body)?.iter().map(|item| match self.create_package(account, item) {
            Ok(package) => created(&self.accounts[account].packages[package]),
            Err(refused) => refused.item(),
        });
        Ok(answer.collect())
    }

    /// Changes packages, each named by its `submission_id`.
    pub(crate) fn update_packages(&mut self, account: AccountIndex, body: &Value) -> Result<BatchAnswer, Refused> {
        let mut answer = Vec::new();
        for item in batch(body)? {
            let id = item.get("submission_id").and_then(Value::as_str).unwrap_or_default();
            let updated = match self.accounts[account].by_submission.get(id).copied() {
                Some(package) => self.update_package(account, package, item),
                None => Err(Refused::not_found("submission", id)),
            };
            answer.push(match updated {
                Ok(package) => changed(&self.accounts[account].packages[package]),
                Err(refused) => refused.item(),
            });
        }
        Ok(answer)
    }

    /// Changes one package, named by its submission or item id.
    pub(crate) fn update_one(&mut self, account: AccountIndex, id: &str, body: &Value) -> Result<Value, Refused> {
        let package =
            self.accounts[account].package_index(id).ok_or_else(|| Refused::not_found("submission or item", id))?;
        let package = self.update_package(account, package, body)?;
        Ok(changed(&self.accounts[account].packages[package]))
    }

    fn create_package(&mut self, account: AccountIndex, item: &Value) -> Result<PackageIndex, Refused> {
        let body = item.as_object().ok_or_else(|| Refused::bad_request("An item must be an object"))?;
        let fields: Map<String, Value> =
            field::read(body)?.into_iter().map(|(name, _, value)| (name.to_owned(), value)).collect();
        let asked = read_actions(body)?;
        let item_id = read_item_id(body)?;
        let owner = &self.accounts[account];
        if item_id.as_ref().is_some_and(|id| owner.by_item.contains_key(id.as_str())) {
            return Err(Refused::new(http::StatusCode::CONFLICT, "The item_id is already used"));
        }
        let fields = self.completed(account, fields, asked);
        check(&self.accounts[account], &fields, asked)?;
        self.check_versions(account, None, &fields, asked)?;
        let next = request::apply(&ReviewStatus::draft(), asked, false)?;

        let number = self.next_number();
        let letters = chance::letters(self.manners.seed, &["submission", &number.to_string()], 9);
        let submission_id = SubmissionId::new(format!("s{letters}"))
            .map_err(|reason| Refused::bad_request(format!("the submission's id {reason}")))?;
        let at = self.clock.elapsed();
        let now = Timestamp::of(self.moment(at));
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
    ) -> Result<PackageIndex, Refused> {
        let body = item.as_object().ok_or_else(|| Refused::bad_request("An item must be an object"))?;
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
            // What cannot be changed now is ignored, as read-only properties are.
            if is_open && fields.get(name) != Some(&value) {
                edits_listing |= review != Review::Technical;
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

    /// The fields with what the Marketplace adds to a request: what the archive says, a launch date, and, where it is submitted, what
    /// the version in the store has and this one lacks.
    fn completed(&self, account: AccountIndex, fields: Map<String, Value>, asked: Asked) -> Map<String, Value> {
        let owner = &self.accounts[account];
        let mut fields = with_archive(owner, fields);
        launch::on_approval(&mut fields, self.moment(self.clock.elapsed()));
        let is_submitted = [asked.technical, asked.marketing].contains(&Some(Ask::Submit));
        if is_submitted && self.manners.new_versions == NewVersions::Inherit {
            inherit::from_the_store(owner, &mut fields);
        }
        fields
    }

    /// Moves a package to the state that a request led to, and begins the reviews it submits.
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

    /// Notes in every file which packages hold it; `before` are the files that this package held.
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

/// The items of a batch; a body that is none fails as a whole.
fn batch(body: &Value) -> Result<&[Value], Refused> {
    match body.as_array().map(Vec::as_slice) {
        Some([]) | None => Err(Refused::insufficient("The body must be an array with at least one package")),
        Some(items) if items.len() > LONGEST_BATCH => {
            Err(Refused::bad_request(format!("At most {LONGEST_BATCH} packages fit into one request")))
        }
        Some(items) => Ok(items),
    }
}

/// Checks what is submitted; a draft is not looked at.
fn check(owner: &Account, fields: &Map<String, Value>, asked: Asked) -> Result<(), Refused> {
    let submits_technical = asked.technical == Some(Ask::Submit);
    let submits_marketing = asked.marketing == Some(Ask::Submit);
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
            let file = owner.file(&id).ok_or_else(|| Refused::bad_request(format!("There is no file {id}")))?;
            is_scanning |= !file.malware_status.has_passed() && !file.malware_status.has_failed();
        }
        if is_scanning {
            return Err(Refused::scan_in_progress());
        }
    }
    Ok(())
}

fn read_item_id(body: &Map<String, Value>) -> Result<Option<ItemId>, Refused> {
    let text = match body.get("item_id") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => return Err(Refused::bad_request("`item_id` has a wrong type")),
    };
    ItemId::new(text).map(Some).map_err(|reason| Refused::bad_request(format!("`item_id` {reason}")))
}

fn read_actions(body: &Map<String, Value>) -> Result<Asked, Refused> {
    let wrong = |flow: &str| Refused::bad_request(format!("`action.{flow}` is no action"));
    let action = match body.get("action") {
        None | Some(Value::Null) => return Ok(Asked::default()),
        Some(Value::Array(items)) if items.is_empty() => return Ok(Asked::default()),
        Some(Value::Object(action)) => action,
        Some(_) => return Err(Refused::bad_request("`action` has a wrong type")),
    };
    let text = |flow: &str| match action.get(flow) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(wrong(flow)),
    };
    let ask = |flow: &str| {
        text(flow)?
            .map(|text| match text.as_str() {
                "draft" => Ok(Ask::Draft),
                "submit" => Ok(Ask::Submit),
                "recall" => Ok(Ask::Recall),
                _ => Err(wrong(flow)),
            })
            .transpose()
    };
    let overall = text("overall")?
        .map(|text| match text.as_str() {
            "remove" => Ok(AskOverall::Remove),
            "cancel" => Ok(AskOverall::Cancel),
            _ => Err(wrong("overall")),
        })
        .transpose()?;
    Ok(Asked { overall, technical: ask("technical")?, marketing: ask("marketing")? })
}

/// A good item of a creation.
fn created(package: &PackageEntry) -> Value {
    let mut item = changed(package);
    item["created_at"] = json!(package.created_at);
    item
}

/// A good item of a change.
fn changed(package: &PackageEntry) -> Value {
    let mut item = json!({
        "code": 200,
        "message": "Success",
        "submission_id": package.submission_id,
        "eqp_status": eqp_types::EqpStatus::from(&package.status),
        "modified_at": package.modified_at,
    });
    if let Some(item_id) = &package.item_id {
        item["item_id"] = json!(item_id);
    }
    item
}
