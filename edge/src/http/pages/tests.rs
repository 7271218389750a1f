//! The pages over a site with orders at every stage.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use tower::ServiceExt;

use super::sample::{HOSTILE, Shop, case_id, shop};

impl Shop {
    async fn answer(&self, request: Request<Body>) -> (StatusCode, axum::http::HeaderMap, String) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, headers, String::from_utf8_lossy(&body).into_owned())
    }

    async fn get_as(&self, path: &str, cookie: &str) -> (StatusCode, axum::http::HeaderMap, String) {
        let request = Request::get(path).header(header::COOKIE, cookie).body(Body::empty()).unwrap();
        self.answer(request).await
    }

    async fn page(&self, path: &str) -> String {
        let (status, headers, body) = self.get_as(path, "outpost_staff=s-7; outpost_device=scan-3").await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        assert!(headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("default-src 'self'"));
        assert!(!body.contains("<script>alert"), "{path} lets a title run");
        assert!(!body.contains("<b>Lovelace"), "{path} lets a name be markup");
        body
    }
}

/// Where each text stands, so that order can be asserted.
fn at(body: &str, text: &str) -> usize {
    body.find(text).unwrap_or_else(|| panic!("{text:?} is missing"))
}

#[tokio::test]
async fn the_queue_is_sorted_by_pick_by_with_late_ones_marked() {
    let shop = shop();
    let body = shop.page("/queue").await;
    assert!(at(&body, "#1001") < at(&body, "#1005"));
    assert!(at(&body, "#1005") < at(&body, "#1002"));
    assert!(at(&body, "#1002") < at(&body, "#1004"));
    assert!(body.contains("25 min late"));
    assert!(body.contains("Put back"));
    assert!(body.contains("Waiting for customers: 1"));
    assert!(body.contains("2 of 8"), "two of eight units of #1001 are picked");
    let ship = shop.page("/queue?service=ship").await;
    assert!(ship.contains("#1001") && !ship.contains("#1002"));
}

#[tokio::test]
async fn without_a_name_tag_every_page_leads_to_signing_in() {
    let shop = shop();
    for path in ["/queue", "/counter?q=a%20b", "/devices", "/stock"] {
        let (status, headers, _) = shop.get_as(path, "").await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{path}");
        assert!(headers[header::LOCATION].to_str().unwrap().starts_with("/sign-in?next=/"), "{path}");
    }
    let form = "staff=s-9&device=counter-1&language=en&next=%2Fcounter";
    let request = Request::post("/sign-in")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form))
        .unwrap();
    let (status, headers, _) = shop.answer(request).await;
    assert_eq!((status, headers[header::LOCATION].to_str().unwrap()), (StatusCode::SEE_OTHER, "/counter"));
    assert_eq!(headers.get_all(header::SET_COOKIE).iter().count(), 3);
    let request = Request::post("/sign-in")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("staff=Ada+Lovelace&device=x&next="))
        .unwrap();
    let (status, headers, body) = shop.answer(request).await;
    assert_eq!(status, StatusCode::OK);
    assert!(headers.get(header::SET_COOKIE).is_none() && body.contains("aria-invalid"));
}

#[tokio::test]
async fn picking_gets_lines_in_walk_order_with_their_codes() {
    let shop = shop();
    let body = shop.page(&format!("/pick/{}", case_id(1))).await;
    let start = at(&body, "id=\"pick-state\"");
    let json = &body[start + body[start..].find('>').unwrap() + 1..];
    let state: serde_json::Value = serde_json::from_str(&json[..json.find("</script>").unwrap()]).unwrap();
    let lines = state["lines"].as_array().unwrap();
    let walk: Vec<&str> = lines.iter().map(|line| line["location"].as_str().unwrap()).collect();
    assert_eq!(walk, ["A-01-01", "A-03-12", "C-11-02"]);
    assert_eq!(lines[1]["title"], HOSTILE);
    assert_eq!((lines[1]["open"].as_u64(), lines[1]["picked"].as_u64()), (Some(1), Some(2)));
    assert_eq!(lines[1]["barcodes"][0]["code"], "4006381333931");
    assert_eq!(state["container"], "tote-1", "goods go on into the tote that is in use");
    assert!(body.contains("Not found"), "reasons for a short come from the rules");
}

#[tokio::test]
async fn a_cancelled_case_stops_the_picker_and_tells_what_goes_back() {
    let shop = shop();
    let body = shop.page(&format!("/pick/{}", case_id(5))).await;
    assert!(body.contains("\"put_back\":2"));
    let body = shop.page(&format!("/put-back/{}", case_id(5))).await;
    assert!(body.contains("Stop, put back") && body.contains("value=\"B-01-04\""));
}

#[tokio::test]
async fn packing_shows_what_is_loose_and_each_label_with_its_state() {
    let shop = shop();
    let body = shop.page(&format!("/pack/{}", case_id(6))).await;
    assert!(body.contains("Close parcel") && body.contains("tote-6"));
    assert!(body.contains(outpost_model::container::parcel(case_id(6), 1).as_str()));
    let body = shop.page(&format!("/pack/{}", case_id(4))).await;
    assert!(body.contains("Did this label come out?"));
    assert!(body.contains("Close the print head."), "a waiting label says what keeps it");
    assert!(body.contains("The hub has not released this"), "no authority, so no collection");
    assert!(body.contains("name=\"override_reason\""), "but by a supervisor, with a reason");
    assert!(body.contains("1.25 kg"));
}

#[tokio::test]
async fn the_counter_finds_by_number_name_and_phone_and_takes_wildcards_for_letters() {
    let shop = shop();
    for q in ["1003", "lovelace", "4567"] {
        let body = shop.page(&format!("/counter?q={q}")).await;
        assert!(body.contains("#1003"), "{q}");
        assert!(!body.contains("#1001"), "{q}: parcels are not handed out at the counter");
    }
    assert!(shop.page("/counter?q=%25").await.contains("No order found"));
    let body = shop.page(&format!("/counter/{}", case_id(3))).await;
    assert!(body.contains("5 tries left") && body.contains("R-04"));
    assert!(body.contains("name=\"override_reason\""), "without authority a reason is asked for");
}

#[tokio::test]
async fn the_other_pages_show_their_things() {
    let shop = shop();
    assert!(
        shop.page(&format!("/case/{}", case_id(4))).await.contains("A label was issued without authority.")
    );
    assert!(shop.page("/exceptions").await.contains(&format!("/case/{}", case_id(4))));
    let devices = shop.page("/devices").await;
    assert!(at(&devices, "Somebody has to look") < at(&devices, "Recent"));
    assert!(devices.contains("Needs attention"));
    let stock = shop.page("/stock?q=036000291452").await;
    assert!(stock.contains("LAMP-7") && stock.contains("C-11-02"));
    assert!(shop.page("/stock?q=nothing").await.contains("No such product"));
    assert!(shop.page("/pause").await.contains("value=\"no_capacity\""));
    let (status, _, body) =
        shop.get_as(&format!("/pick/{}", case_id(99)), "outpost_staff=a; outpost_device=b").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(body.contains("not at this site"));
}

#[tokio::test]
async fn files_are_kept_for_ever_under_their_hash_only() {
    let shop = shop();
    let base = super::files::base();
    let (status, headers, _) = shop.get_as(&format!("{base}/pick.mjs"), "").await;
    assert_eq!(status, StatusCode::OK);
    assert!(headers[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
    assert!(headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/javascript"));
    let (_, headers, _) = shop.get_as("/handheld/0123456789ab/pick.mjs", "").await;
    assert_eq!(headers[header::CACHE_CONTROL], "no-cache");
    let (status, ..) = shop.get_as(&format!("{base}/..%2FCargo.toml"), "").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(shop.rig.state.site.database.exists());
}
