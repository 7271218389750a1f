//! The pages, rendered from a story: what must be seen is there, and nothing of a payload becomes markup.

use askama::Template;

use super::sample::{self, watch};
use super::sites::SiteView;
use super::{exceptions, frame, imports, order, orders, overview, sites, stock};

fn site_views() -> Vec<SiteView> {
    sample::sites().into_iter().map(|(summary, rights)| SiteView::new(summary, rights, &watch())).collect()
}

fn order_page() -> String {
    order::page(sample::order_detail(), &sample::zones(), &watch()).render().unwrap()
}

#[test]
fn an_order_shows_both_sequences_and_why_it_went_where() {
    let page = order_page();
    for seen in [
        "Picked 2 × MUG-0007-BL from A-01-2 into TOTE-3",
        "Short by 1 × APR-0102: not found",
        "Asked to cancel line 1: customer changed mind",
        "carried out (#5)",
        "answers #2, cancel requested",
        "Asked to hold: fraud",
        "waits for its answer",
        "confirmed by hand",
        "had seen hub #1",
        "distance 2 km",
        "failed before",
        "Not at the site yet",
        "1 request waits for its answer",
        "2 to put back",
        "for parcel 1",
        "Pick by",
        "14:18",
    ] {
        assert!(page.contains(seen), "{seen:?} is not on the page");
    }
    assert!(page.contains("13:18"), "the second site's clock is one hour behind");
}

#[test]
fn what_comes_from_outside_never_becomes_markup() {
    let page = order_page();
    assert!(page.contains("Enamel mug &#60;blue&#62;") && !page.contains("<blue>"));
    let list = exceptions::page(
        vec![sample::exception("x", 1)],
        &sample::stats().exceptions,
        None,
        false,
        50,
        &watch(),
    );
    assert!(!list.render().unwrap().contains("<at>"));
}

#[test]
fn an_order_offers_what_can_still_be_asked_for() {
    use outpost_model::milestone::OrderState;
    let buttons = |state, reason: Option<&str>| {
        let mut detail = sample::order_detail();
        (detail.state, detail.reason) = (state, reason.map(str::to_owned));
        let page = order::page(detail, &sample::zones(), &watch());
        (page.may.approve, page.may.hold, page.may.cancel)
    };
    assert_eq!(buttons(OrderState::Held, Some("payment_pending")), (true, false, true));
    assert_eq!(buttons(OrderState::Approved, Some("no_site_left")), (true, true, true));
    assert_eq!(buttons(OrderState::InProgress, None), (false, true, true));
    for over in [OrderState::Fulfilled, OrderState::Cancelled, OrderState::Returned] {
        assert_eq!(buttons(over, Some("cancelled")), (false, false, false));
    }
}

#[test]
fn units_of_a_line_are_counted_once_over_all_its_sites() {
    let page = order::page(sample::order_detail(), &sample::zones(), &watch());
    let parts = |line: usize| -> Vec<(u32, &str)> {
        page.lines[line].parts.iter().map(|part| (part.units, part.name)).collect()
    };
    assert_eq!(parts(0), [(3, "cancelled")]);
    assert_eq!(parts(1), [(1, "picked"), (1, "open")], "what is short at one site is open at the next");
    assert!(parts(2).is_empty(), "nothing to pick");
}

#[test]
fn a_list_tells_that_there_are_older_orders() {
    let asked = |limit| orders::Asked { state: None, q: "#2 & <b>".to_owned(), is_later_page: false, limit };
    let page = orders::page(sample::orders(), &sample::stats().orders, asked(11), &watch());
    assert_eq!((page.orders.len(), page.older.is_some()), (11, true));
    let html = page.render().unwrap();
    assert!(
        html.contains("q=%232%20%26%20%3Cb%3E") && !html.contains("<b>"),
        "the search is escaped in links"
    );
    let page = orders::page(sample::orders(), &sample::stats().orders, asked(12), &watch());
    assert!(page.older.is_none());
}

#[test]
fn sites_that_need_attention_come_first_and_say_why() {
    let page = sites::page(site_views(), &watch());
    let order: Vec<&str> = page.sites.iter().map(|site| site.site.as_str()).collect();
    assert_eq!(order, ["lager-1", "lisbon-1", "berlin-1"]);
    let html = page.render().unwrap();
    for seen in
        ["Ship is paused until 15:15: no capacity", "Silent", "47 min ago", "virtual did not come", "of 1204"]
    {
        assert!(html.contains(seen), "{seen:?} is not on the page");
    }
}

#[test]
fn a_sites_page_goes_on_where_its_stock_was_cut() {
    let row = |n: usize| crate::store::query::sites::StockRow {
        sku: format!("SKU-{n:03}"),
        title: (n > 0).then(|| "Mug".to_owned()),
        on_hand: 5,
        sellable: 4,
        granted: 3,
        promised: 2,
        returned: 0,
        unused: 1,
    };
    let site = site_views().swap_remove(1);
    let page = sites::site_page(site, Vec::new(), 50, (0..=10).map(row).collect(), 10, &watch());
    assert_eq!((page.stock.len(), page.more_stock.as_deref()), (10, Some("SKU-009")));
    let html = page.render().unwrap();
    for seen in ["The line is silent", ">13:43</time>", "unknown product", "items up to 1181"] {
        assert!(html.contains(seen), "{seen:?} is not on the page");
    }
}

#[test]
fn the_first_page_begins_with_what_needs_a_person() {
    let page = |stats| overview::page(&stats, Vec::new(), site_views(), sample::orders(), &watch());
    assert_eq!(page(sample::stats()).verdict.text, "3 exceptions need a person");
    let calm = crate::store::query::stats::Stats::default();
    assert_eq!(page(calm.clone()).verdict.text, "1 site is silent");
    let html = page(calm).render().unwrap();
    assert!(html.contains("Nothing waits for a person"));
}

#[test]
fn every_page_stands_in_the_frame_without_inline_script_or_style() {
    let products = vec![crate::store::query::console::ProductRow { sku: "A".into(), title: "B".into() }];
    let asked = stock::Asked { q: String::new(), site: String::new(), is_later_page: false, limit: 50 };
    for html in [
        order_page(),
        stock::page(products, Vec::new(), vec!["berlin-1".into()], asked, &watch()).render().unwrap(),
        imports::page(&watch()).render().unwrap(),
        sites::page(site_views(), &watch()).render().unwrap(),
    ] {
        assert!(html.starts_with("<!doctype html>") && html.contains("aria-current=\"page\""));
        assert!(!html.contains(" style=") && !html.contains("<script>") && !html.contains(" onclick"));
    }
    assert_eq!(frame::ENTRIES.len(), 6);
}
