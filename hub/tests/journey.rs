//! The road of an order: captured, promised, routed, at the site, told back, and routed anew where a site cannot.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{Database, SiteDouble, TestHub, pickup_order, ship_order};
use outpost_model::fact::SiteFact;
use outpost_model::id::{LineNo, ReasonCode, Sku};
use outpost_model::milestone::OrderState;
use outpost_model::quantity::Quantity;
use outpost_model::routing::Verdict;

on_both!(
    an_order_reaches_its_site_and_its_contact_before_it,
    a_rejected_case_goes_elsewhere_and_never_back,
    a_short_goes_elsewhere_with_what_is_missing,
    nothing_left_is_an_exception_until_somebody_grants,
    an_order_is_split_when_nobody_has_all,
    a_cancellation_asks_every_site_and_counts_the_answers,
    an_order_without_a_case_is_cancelled_at_once,
    a_hold_reaches_the_site_and_an_approval_lifts_it,
    a_recall_is_answered_with_what_is_unused,
);

fn reason(code: &str) -> ReasonCode {
    ReasonCode::new(code).unwrap()
}

async fn an_order_reaches_its_site_and_its_contact_before_it(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut berlin = SiteDouble::enroll(&hub, "berlin-1").await;
    let grants = berlin.grant(&[("A-1", 5)]);
    berlin.tell(&hub, grants).await;
    let id = hub.order(&ship_order("1001", &[("A-1", 2)])).await;
    assert_eq!(hub.detail(id).await.state, OrderState::Approved);
    hub.route().await;
    let detail = hub.detail(id).await;
    assert_eq!(detail.state, OrderState::Routed);
    assert_eq!(detail.decisions.len(), 1);
    let chosen: Vec<_> =
        detail.decisions[0].considered.iter().filter(|seen| seen.verdict == Verdict::Chosen).collect();
    assert_eq!(chosen.len(), 1);
    assert_eq!(detail.decisions[0].considered.len(), 3, "every site is considered, with its reasons");

    berlin.receive(&hub).await;
    let cases = berlin.cases();
    let header = cases.values().next().unwrap();
    assert_eq!(header.order, id);
    assert_eq!(header.lines[0].qty, Quantity::new(2).unwrap());
    let contact = berlin.records.iter().find(|record| record.kind == "contact").unwrap();
    assert_eq!(contact.key, header.consignee.unwrap().to_string());
    let contact: serde_json::Value = serde_json::from_slice(&berlin.open(contact).unwrap()).unwrap();
    assert_eq!(contact["name"], "Ada Example");
    assert!(!berlin.documents.values().any(|document| document.header().contains("Ada")));

    let accepted = berlin.say(header.case, vec![SiteFact::Accepted]);
    berlin.tell(&hub, vec![accepted.clone()]).await;
    assert_eq!(hub.detail(id).await.state, OrderState::InProgress);
    // The same frame again changes nothing.
    berlin.tell(&hub, vec![accepted]).await;
    let events = hub.stats().await.events_synced;
    assert_eq!(events, 2, "a grant and an acceptance, each counted once");
    let timeline = hub.detail(id).await.timeline;
    assert_eq!(timeline.iter().filter(|entry| entry.kind == "accepted").count(), 1);
}

async fn a_rejected_case_goes_elsewhere_and_never_back(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut berlin = SiteDouble::enroll(&hub, "berlin-1").await;
    let mut hamburg = SiteDouble::enroll(&hub, "hamburg-1").await;
    let grants = berlin.grant(&[("A-1", 5)]);
    berlin.tell(&hub, grants).await;
    let grants = hamburg.grant(&[("A-1", 5)]);
    hamburg.tell(&hub, grants).await;
    let id = hub.order(&ship_order("2001", &[("A-1", 1)])).await;
    hub.route().await;
    berlin.receive(&hub).await;
    let case = *berlin.cases().keys().next().expect("the site with the lower priority number goes first");
    let no = berlin.say(case, vec![SiteFact::Rejected { reason: reason("no_capacity") }]);
    berlin.tell(&hub, vec![no]).await;
    hub.route().await;
    hamburg.receive(&hub).await;
    let header = hamburg.cases().into_values().next().unwrap();
    assert_eq!(header.generation, 2);
    assert_eq!(header.lines[0].line, LineNo(1), "the line keeps its number");
    let detail = hub.detail(id).await;
    let reasons =
        &detail.decisions[1].considered.iter().find(|seen| seen.site.as_str() == "berlin-1").unwrap();
    assert_eq!(reasons.verdict, Verdict::Refused);
    assert_eq!(hub.stats().await.reroutes, 1);
    berlin.receive(&hub).await;
    assert_eq!(berlin.cases().len(), 1, "nothing more came to the site that said no");
}

async fn a_short_goes_elsewhere_with_what_is_missing(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut berlin = SiteDouble::enroll(&hub, "berlin-1").await;
    let mut wh = SiteDouble::enroll(&hub, "wh-1").await;
    let grants = berlin.grant(&[("A-1", 5)]);
    berlin.tell(&hub, grants).await;
    let grants = wh.grant(&[("A-1", 5)]);
    wh.tell(&hub, grants).await;
    let id = hub.order(&ship_order("3001", &[("A-1", 3)])).await;
    hub.route().await;
    berlin.receive(&hub).await;
    let case = *berlin.cases().keys().next().unwrap();
    let short = berlin.say(
        case,
        vec![
            SiteFact::Accepted,
            SiteFact::Shorted {
                line: LineNo(1),
                sku: Sku::new("A-1").unwrap(),
                qty: Quantity::new(2).unwrap(),
                reason: reason("not_found"),
                location: None,
                suspect: Quantity::ZERO,
            },
        ],
    );
    berlin.tell(&hub, vec![short]).await;
    hub.route().await;
    wh.receive(&hub).await;
    let header = wh.cases().into_values().next().unwrap();
    assert_eq!(header.lines[0].qty, Quantity::new(2).unwrap());
    let detail = hub.detail(id).await;
    assert_eq!(detail.cases.len(), 2);
    assert_eq!(detail.route_at, None, "nothing is left to route");
}

async fn nothing_left_is_an_exception_until_somebody_grants(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut berlin = SiteDouble::enroll(&hub, "berlin-1").await;
    let id = hub.order(&ship_order("4001", &[("A-1", 1)])).await;
    hub.route().await;
    assert_eq!(hub.exceptions().await, ["no_site_left"]);
    let detail = hub.detail(id).await;
    assert_eq!(detail.reason.as_deref(), Some("no_site_left"));
    assert!(detail.route_at.unwrap() > hub.hub.now(), "it is looked at again later");
    hub.route().await;
    assert_eq!(hub.exceptions().await.len(), 1, "once");
    let grants = berlin.grant(&[("A-1", 1)]);
    berlin.tell(&hub, grants).await;
    hub.route().await;
    assert_eq!(hub.detail(id).await.state, OrderState::Routed);
    assert_eq!(hub.exceptions().await, Vec::<String>::new(), "overtaken by events");
}

async fn an_order_is_split_when_nobody_has_all(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut berlin = SiteDouble::enroll(&hub, "berlin-1").await;
    let mut wh = SiteDouble::enroll(&hub, "wh-1").await;
    let grants = berlin.grant(&[("A-1", 1)]);
    berlin.tell(&hub, grants).await;
    let grants = wh.grant(&[("B-2", 1)]);
    wh.tell(&hub, grants).await;
    let id = hub.order(&ship_order("5001", &[("A-1", 1), ("B-2", 1)])).await;
    hub.route().await;
    let detail = hub.detail(id).await;
    let sites: Vec<_> = detail.cases.iter().map(|case| case.fulfillment.header.site.as_str()).collect();
    assert_eq!(sites.len(), 2, "{sites:?}");
    assert_eq!(detail.state, OrderState::Routed);
}

async fn a_cancellation_asks_every_site_and_counts_the_answers(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut berlin = SiteDouble::enroll(&hub, "berlin-1").await;
    let grants = berlin.grant(&[("A-1", 5)]);
    berlin.tell(&hub, grants).await;
    let mut orders = Vec::new();
    for reference in ["6001", "6002"] {
        orders.push(hub.order(&pickup_order(reference, "berlin-1", &[("A-1", 1)])).await);
    }
    hub.route().await;
    for id in &orders {
        let done = hub.cancel(*id, "customer_changed_mind").await.unwrap();
        assert_eq!((done.asked.len(), done.over), (1, false));
        let again = hub.cancel(*id, "customer_changed_mind").await;
        assert_eq!(again.unwrap_err().code, "nothing_to_cancel", "it was asked for and waits for its answer");
    }
    berlin.receive(&hub).await;
    let cases = berlin.cases();
    for (case, header) in &cases {
        let (intent, event) = berlin.hub_events(*case).into_iter().next().unwrap();
        assert_eq!(event["kind"], "cancel_requested");
        let answer = if header.order == orders[0] {
            let cancelled = vec![outpost_model::fact::CancelledLine {
                line: LineNo(1),
                open: Quantity::ONE,
                to_put_back: Quantity::ZERO,
            }];
            SiteFact::IntentAccepted {
                intent,
                effect: outpost_model::fact::Effect::Cancelled { lines: cancelled },
            }
        } else {
            SiteFact::IntentRefused { intent, reason: reason("handed_over") }
        };
        let answer = berlin.say(*case, vec![answer]);
        berlin.tell(&hub, vec![answer]).await;
    }
    let stats = hub.stats().await;
    assert_eq!((stats.cancels_accepted, stats.cancels_refused, stats.cancels_pending), (1, 1, 0));
    assert_eq!(hub.detail(orders[0]).await.state, OrderState::Cancelled);
    assert_eq!(hub.exceptions().await, ["cancel_refused"]);
}

async fn an_order_without_a_case_is_cancelled_at_once(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let id = hub.order(&ship_order("6501", &[("A-1", 1)])).await;
    let done = hub.cancel(id, "fraud").await.unwrap();
    assert!(done.over && done.asked.is_empty());
    hub.route().await;
    let detail = hub.detail(id).await;
    assert_eq!(detail.state, OrderState::Cancelled);
    assert!(detail.cases.is_empty());
    assert_eq!(hub.cancel(id, "fraud").await.unwrap_err().code, "already_cancelled");
}

async fn a_hold_reaches_the_site_and_an_approval_lifts_it(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut berlin = SiteDouble::enroll(&hub, "berlin-1").await;
    let grants = berlin.grant(&[("A-1", 5)]);
    berlin.tell(&hub, grants).await;
    let id = hub.order(&pickup_order("7001", "berlin-1", &[("A-1", 1)])).await;
    hub.route().await;
    hub.hold(id, "fraud").await;
    hub.approve(id).await;
    berlin.receive(&hub).await;
    let case = *berlin.cases().keys().next().unwrap();
    let kinds: Vec<_> = berlin
        .hub_events(case)
        .into_iter()
        .map(|(_, event)| event["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["hold_requested", "unhold_requested"]);
}

async fn a_recall_is_answered_with_what_is_unused(database: Database) {
    use outpost_model::page::{LedgerFact, SkuQty};
    let hub = TestHub::with_sites(&database).await;
    let mut berlin = SiteDouble::enroll(&hub, "berlin-1").await;
    let grants = berlin.grant(&[("A-1", 5)]);
    berlin.tell(&hub, grants).await;
    hub.order(&pickup_order("8001", "berlin-1", &[("A-1", 3)])).await;
    hub.route().await;
    let units = vec![SkuQty { sku: Sku::new("A-1").unwrap(), qty: Quantity::new(10).unwrap() }];
    let recall = berlin.on_ledger(vec![LedgerFact::Recalled { units, reason: reason("already_sold") }]);
    berlin.tell(&hub, recall).await;
    berlin.receive(&hub).await;
    let page = berlin.documents.iter().find(|(doc, _)| doc.as_str().starts_with("hub/berlin-1/")).unwrap().1;
    let returned: Vec<serde_json::Value> =
        page.entries().iter().map(|entry| serde_json::from_str(&entry.text).unwrap()).collect();
    let returned = returned.iter().find(|event| event["kind"] == "returned").unwrap();
    assert_eq!(returned["data"]["units"][0]["qty"], 2, "five were granted and three promised");
    let stock = outpost_hub::store::query::sites::stock(hub.hub.store.read(), &berlin.site, None, 1_000)
        .await
        .unwrap();
    assert_eq!((stock[0].promised, stock[0].returned, stock[0].unused), (3, 2, 0));
}
