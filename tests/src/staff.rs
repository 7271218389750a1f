//! Virtual staff: works a site's queue over the edge's HTTP interface, as people with handhelds do.
//!
//! It knows no more than a handheld shows. It retries a command whose answer got lost with the same id, sometimes
//! repeats one on purpose (a double tap), and remembers every answer, so that a check can ask later whether all that
//! was answered is still there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::api::{Api, command, new_command_id};

/// What a site's people were told by the daemon.
#[derive(Debug, Default, Clone)]
pub struct Diary {
    /// Command ids answered `applied` or `repeated`, with the events they wrote.
    pub applied: BTreeMap<String, Vec<String>>,
    /// Of these, the commands about the site itself: their events stand in pages, not in cases.
    pub page_commands: BTreeSet<String>,
    /// Rejections: command id and code.
    pub rejected: Vec<(String, String)>,
    /// Commands given a second time on purpose, whose outcome was the first one.
    pub double_taps: u64,
    /// Repeats that were answered otherwise than the first time: must stay empty.
    pub contradictions: Vec<String>,
    /// Units sold over the counter, by SKU.
    pub sold: BTreeMap<String, u64>,
    /// Retries after an answer that did not come.
    pub retries: u64,
}

/// How far the staff may take a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    /// Leave it alone.
    Untouched,
    /// Pick it and stop.
    Picked,
    /// Everything but the handover.
    BeforeHandover,
    /// To the end.
    HandedOver,
}

/// What is special about an order, by its number.
#[derive(Debug, Clone)]
pub enum Special {
    /// One unit of the first line is not found: short it, once among all who share the flag.
    Short(Arc<AtomicBool>),
    /// The customer takes all but one unit and declines it.
    PartialPickup,
}

/// The people of one site.
#[derive(Clone)]
pub struct Staff {
    site: String,
    api: Api,
    diary: Arc<Mutex<Diary>>,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Debug, Default, Clone)]
struct Plan {
    default_until: Option<Until>,
    until: BTreeMap<String, Until>,
    special: BTreeMap<String, Special>,
    done: BTreeSet<String>,
    codes: BTreeMap<String, String>,
    commands: u64,
}

impl Staff {
    /// People for the site whose edge answers at `api`.
    pub fn new(site: &str, api: Api) -> Self {
        Self {
            site: site.to_owned(),
            api,
            diary: Arc::new(Mutex::new(Diary::default())),
            plan: Arc::new(Mutex::new(Plan::default())),
        }
    }

    /// The same people at another daemon: what they were told and what they plan goes with them.
    pub fn at(&self, api: Api) -> Self {
        Self {
            site: self.site.clone(),
            api,
            diary: Arc::new(Mutex::new(self.diary())),
            plan: Arc::new(Mutex::new(self.plan().clone())),
        }
    }

    /// What they were told is what others were told.
    pub fn take_over(&self, diary: Diary) {
        *self.diary.lock().expect("nobody panics with the diary") = diary;
    }

    /// The site's daemon.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// What they were told so far.
    pub fn diary(&self) -> Diary {
        self.diary.lock().expect("nobody panics with the diary").clone()
    }

    fn plan(&self) -> std::sync::MutexGuard<'_, Plan> {
        self.plan.lock().expect("nobody panics with the plan")
    }

    /// How far to take cases that nothing else is said of; `HandedOver` to begin with.
    pub fn take_all_until(&self, until: Until) {
        self.plan().default_until = Some(until);
    }

    /// How far to take one order's case.
    pub fn take_until(&self, order_number: &str, until: Until) {
        self.plan().until.insert(order_number.to_owned(), until);
    }

    /// Marks an order as special.
    pub fn treat(&self, order_number: &str, special: Special) {
        self.plan().special.insert(order_number.to_owned(), special);
    }

    /// Hands the customer's pickup code to them, as the customer would at the counter.
    pub fn hear_code(&self, case: &str, code: &str) {
        self.plan().codes.insert(case.to_owned(), code.to_owned());
    }

    /// Whether the customer of a case has told their code.
    pub fn knows_code(&self, case: &str) -> bool {
        self.plan().codes.contains_key(case)
    }

    /// Pickup cases whose customers have not told their code yet.
    pub async fn cases_without_code(&self) -> Result<Vec<String>> {
        let mut cases = Vec::new();
        for task in self.tasks().await? {
            if task["service"] == "pickup" {
                let case = text(&task, "case");
                if !self.plan().codes.contains_key(&case) {
                    cases.push(case);
                }
            }
        }
        Ok(cases)
    }

    /// Works the queue until told to stop. Whatever fails is tried again: people do not give up either.
    pub async fn work(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let pause = match self.one_round().await {
                Ok(0) => 150,
                Ok(_) => 5,
                Err(_) => 200,
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(Duration::from_millis(pause)) => {}
            }
        }
    }

    /// One look at the queue and one act for each task; the number of acts.
    pub async fn one_round(&self) -> Result<usize> {
        let mut acts = 0;
        for task in self.tasks().await? {
            if self.work_on(&task).await? {
                acts += 1;
            }
        }
        Ok(acts)
    }

    /// The site's queue.
    pub async fn tasks(&self) -> Result<Vec<Value>> {
        let body = self.api.get("/v1/tasks").await?;
        Ok(body["tasks"].as_array().cloned().unwrap_or_default())
    }

    fn until(&self, number: &str) -> Until {
        let plan = self.plan();
        plan.until.get(number).copied().or(plan.default_until).unwrap_or(Until::HandedOver)
    }

    async fn work_on(&self, task: &Value) -> Result<bool> {
        let number = text(task, "order_number");
        let until = self.until(&number);
        if needs(task, "put_back") {
            return self.put_back(task).await;
        }
        if until >= Until::Picked && needs(task, "pick") {
            return self.pick(task, &number).await;
        }
        if until < Until::BeforeHandover {
            return Ok(false);
        }
        let case = text(task, "case");
        if needs(task, "pack") {
            let container = format!("{}-p1", case.replace('-', ""));
            let pack = json!({ "case": case, "do": "pack", "container": container, "weight_g": 900,
                "dimensions": { "length_mm": 300, "width_mm": 200, "height_mm": 120 } });
            return self.act(pack).await;
        }
        if needs(task, "label") {
            return self.label(&case).await;
        }
        if needs(task, "stage") {
            return self.stage(&case).await;
        }
        if needs(task, "ready") {
            return self.act(json!({ "case": case, "do": "mark_ready" })).await;
        }
        if until == Until::HandedOver && needs(task, "hand_over") {
            return self.hand_over(task, &case, &number).await;
        }
        Ok(false)
    }

    async fn fulfillment(&self, case: &str) -> Result<Value> {
        self.api.get(&format!("/v1/fulfillments/{case}")).await
    }

    async fn pick(&self, task: &Value, number: &str) -> Result<bool> {
        let case = text(task, "case");
        let view = self.fulfillment(&case).await?;
        let Some(line) = view["lines"].as_array().and_then(|lines| lines.iter().find(|line| open(line) > 0))
        else {
            return Ok(false);
        };
        let special = self.plan().special.get(number).cloned();
        if let Some(Special::Short(done)) = special
            && !done.swap(true, Ordering::Relaxed)
        {
            let short = json!({ "case": case, "do": "short", "line": line["line"], "qty": 1,
                "reason": "not_found", "location": line["locations"][0]["location"] });
            return self.act(short).await;
        }
        let tote = format!("TOTE-{}", &case[case.len() - 8..]);
        let barcode = &line["barcodes"][0]["code"];
        let location = match &line["locations"][0]["location"] {
            Value::String(location) => location.clone(),
            _ => "FLOOR".to_owned(),
        };
        // One scan, one unit, as with a wedge scanner.
        let pick = json!({ "case": case, "do": "pick", "line": line["line"], "qty": 1,
            "barcode": barcode, "location": location, "container": tote });
        self.act(pick).await
    }

    async fn label(&self, case: &str) -> Result<bool> {
        let view = self.fulfillment(case).await?;
        let Some(containers) = view["fulfillment"]["containers"].as_object() else { return Ok(false) };
        for (id, container) in containers {
            let labels = container["labels"].as_array().cloned().unwrap_or_default();
            if container["packed"] == true && container["gone"] != true {
                let kind =
                    if view["fulfillment"]["header"]["service"] == "ship" { "carrier" } else { "handling" };
                if labels.iter().all(|label| label["kind"] != kind) {
                    return self
                        .act(json!({ "case": case, "do": "label", "container": id, "label": kind }))
                        .await;
                }
            }
        }
        Ok(false)
    }

    async fn stage(&self, case: &str) -> Result<bool> {
        let view = self.fulfillment(case).await?;
        let Some(containers) = view["fulfillment"]["containers"].as_object() else { return Ok(false) };
        let waiting = containers.iter().find(|(_, container)| {
            container["staged_at"].is_null()
                && container["gone"] != true
                && container["contents"].as_array().is_some_and(|contents| !contents.is_empty())
        });
        match waiting {
            Some((id, _)) => {
                self.act(json!({ "case": case, "do": "stage", "container": id, "location": "STAGE-1" })).await
            }
            None => Ok(false),
        }
    }

    async fn hand_over(&self, task: &Value, case: &str, number: &str) -> Result<bool> {
        if task["service"] == "ship" {
            return self
                .act(json!({ "case": case, "do": "hand_over", "to": "carrier", "proof": "scan" }))
                .await;
        }
        let Some(code) = self.plan().codes.get(case).cloned() else { return Ok(false) };
        let partial = matches!(self.plan().special.get(number), Some(Special::PartialPickup));
        if partial && self.plan().done.insert(format!("{number}/decline")) {
            let view = self.fulfillment(case).await?;
            let line = view["lines"].as_array().and_then(|lines| lines.first()).cloned().unwrap_or_default();
            let decline = json!({ "case": case, "do": "decline", "line": line["line"], "qty": 1, "reason": "unwanted" });
            return self.act(decline).await;
        }
        let hand_over =
            json!({ "case": case, "do": "hand_over", "to": "customer", "proof": "code", "code": code });
        self.act(hand_over).await
    }

    async fn put_back(&self, task: &Value) -> Result<bool> {
        let case = text(task, "case");
        let view = self.fulfillment(&case).await?;
        let Some(content) = view["fulfillment"]["to_put_back"].as_array().and_then(|all| all.first()) else {
            return Ok(false);
        };
        let put_back = json!({ "case": case, "do": "put_back", "line": content["line"], "qty": content["qty"],
            "container": content["from"], "location": "FLOOR" });
        self.act(put_back).await
    }

    /// A sale over the counter.
    pub async fn sell(&self, sku: &str, qty: u64) -> Result<()> {
        let receipt = new_command_id();
        if self.act(json!({ "do": "sell", "sku": sku, "qty": qty, "receipt": receipt })).await? {
            let mut diary = self.diary.lock().expect("nobody panics with the diary");
            *diary.sold.entry(sku.to_owned()).or_default() += qty;
        }
        Ok(())
    }

    /// Gives one command and waits for its outcome, however long the daemon is away. True when it was applied.
    pub async fn act(&self, subject: Value) -> Result<bool> {
        let id = new_command_id();
        if subject["case"].is_null() {
            self.diary.lock().expect("nobody panics with the diary").page_commands.insert(id.clone());
        }
        let body = json!({ "commands": [command(&id, &format!("{}-staff", self.site), "scan-1", subject)] });
        let first = self.give(&body).await?;
        self.note(&id, &first);
        let every = {
            let mut plan = self.plan();
            plan.commands += 1;
            plan.commands
        };
        if every.is_multiple_of(7) {
            self.double_tap(&id, &body, &first).await?;
        }
        Ok(first["result"] == "applied" || first["result"] == "repeated")
    }

    /// Gives up to a hundred commands in one request, as a handheld's outbox does when it was away, and waits for all
    /// outcomes. True for each that was applied.
    pub async fn act_all(&self, subjects: Vec<Value>) -> Result<Vec<bool>> {
        let given: Vec<(String, Value)> =
            subjects.into_iter().map(|subject| (new_command_id(), subject)).collect();
        let who = format!("{}-staff", self.site);
        let commands: Vec<Value> =
            given.iter().map(|(id, subject)| command(id, &who, "scan-1", subject.clone())).collect();
        let outcomes = self.give_all(&json!({ "commands": commands })).await?;
        let mut applied = Vec::new();
        for ((id, subject), outcome) in given.iter().zip(&outcomes) {
            self.note(id, outcome);
            applied.push(outcome["result"] == "applied" || outcome["result"] == "repeated");
            let mut diary = self.diary.lock().expect("nobody panics with the diary");
            if subject["case"].is_null() {
                diary.page_commands.insert(id.clone());
            }
            if subject["do"] == "sell" && applied.last() == Some(&true) {
                let qty = subject["qty"].as_u64().unwrap_or(0);
                *diary.sold.entry(text(subject, "sku")).or_default() += qty;
            }
        }
        Ok(applied)
    }

    async fn give(&self, body: &Value) -> Result<Value> {
        Ok(self.give_all(body).await?.swap_remove(0))
    }

    async fn give_all(&self, body: &Value) -> Result<Vec<Value>> {
        for _ in 0..100 {
            match self.api.post("/v1/commands", body).await {
                Ok(answer) if answer.status == 200 => {
                    let outcomes = answer.body["outcomes"].as_array().cloned().unwrap_or_default();
                    if !outcomes.is_empty() && outcomes.iter().all(|outcome| outcome["result"] != "failed") {
                        return Ok(outcomes);
                    }
                }
                Ok(answer) if answer.status < 500 => bail!("{}: {}", answer.status, answer.body),
                Ok(_) | Err(_) => {}
            }
            self.diary.lock().expect("nobody panics with the diary").retries += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("{}: no answer in ten seconds", self.api.base())
    }

    async fn double_tap(&self, id: &str, body: &Value, first: &Value) -> Result<()> {
        let second = self.give(body).await?;
        let mut diary = self.diary.lock().expect("nobody panics with the diary");
        let same = match first["result"].as_str() {
            Some("applied" | "repeated") => {
                second["result"] == "repeated" && second["events"] == first["events"]
            }
            _ => second["code"] == first["code"],
        };
        if same {
            diary.double_taps += 1;
        } else {
            diary.contradictions.push(format!("{id}: first {first}, then {second}"));
        }
        Ok(())
    }

    fn note(&self, id: &str, outcome: &Value) {
        let mut diary = self.diary.lock().expect("nobody panics with the diary");
        match outcome["result"].as_str() {
            Some("applied" | "repeated") => {
                let events = outcome["events"].as_array().cloned().unwrap_or_default();
                let events = events.iter().filter_map(|event| event.as_str().map(str::to_owned)).collect();
                diary.applied.insert(id.to_owned(), events);
            }
            _ => diary.rejected.push((id.to_owned(), text(outcome, "code"))),
        }
    }
}

fn needs(task: &Value, act: &str) -> bool {
    task["needs"].as_array().is_some_and(|needs| needs.iter().any(|need| need == act))
}

fn open(line: &Value) -> u64 {
    line["quantities"]["open"].as_u64().unwrap_or(0)
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}
