//! The API's description and the API say the same: every route is described, everything described is a route, and
//! what a running hub answers fits the shapes that are described.
#![allow(clippy::unwrap_used)]

mod chain;
mod shape;

use std::collections::BTreeSet;

use chain::Chain;
use reqwest::Method;
use serde_json::{Value, json};
use shape::Shapes;

/// The routes of the API as the router's source names them: address and method.
fn routes() -> BTreeSet<(String, String)> {
    let source = include_str!("../../src/http/mod.rs");
    let mut routes = BTreeSet::new();
    for line in source.lines() {
        let Some((path, handlers)) =
            line.trim().strip_prefix(".route(\"").and_then(|rest| rest.split_once('"'))
        else {
            continue;
        };
        for method in ["get", "post", "put", "delete", "patch"] {
            if handlers.contains(&format!("{method}(")) {
                routes.insert((path.to_owned(), method.to_owned()));
            }
        }
    }
    routes
}

fn described(description: &Value) -> BTreeSet<(String, String)> {
    let paths = description["paths"].as_object().unwrap();
    let methods = |(path, item): (&String, &Value)| {
        item.as_object().unwrap().keys().map(|method| (path.clone(), method.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(methods).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_and_its_description_say_the_same() {
    let chain = Chain::start().await;
    let description = chain.get("/openapi.json").await.1;
    let described = described(&description);
    let api: BTreeSet<_> = described.iter().filter(|(path, _)| path.starts_with("/v1/")).cloned().collect();
    assert!(api.len() >= 20, "the router's source is read: {api:?}");
    assert_eq!(api, routes(), "left: described, right: routed");

    let shapes = Shapes::new(&description);
    for (method, path, status, answer) in &chain.answers {
        shapes.answer(method, path, *status, answer);
    }
    everything_described_is_served(&chain, &described).await;
    orders_fit(&chain, &shapes).await;
    sites_fit(&chain, &shapes).await;
    operations_fit(&chain, &shapes).await;
    chain.stop().await;
}

/// An address with nothing behind it answers 404 without a word; what is served has at least a code.
async fn everything_described_is_served(chain: &Chain, described: &BTreeSet<(String, String)>) {
    let (status, nothing) = chain.get("/v1/nothing").await;
    assert!(status == 404 && nothing["code"] != json!("no_such_order"));
    for (path, method) in described {
        let path = path
            .replace("{id}", &uuid::Uuid::nil().to_string())
            .replace("{case}", &uuid::Uuid::nil().to_string());
        let path = path.replace("{site}", "nowhere").replace("{kind}", "nothing");
        let method: Method = method.to_uppercase().parse().unwrap();
        let (status, body) = chain.send(method.clone(), &path, None).await;
        let is_missing = status == 404 && (body.is_null() || body["code"] == json!("not_found"));
        assert!(!is_missing && status != 405, "{method} {path} is described and not served: {status} {body}");
    }
}

async fn orders_fit(chain: &Chain, shapes: &Shapes<'_>) {
    let order = |reference: &str, sku: &str| {
        json!({ "order": {
            "channel": "phone", "channel_ref": reference, "currency": "EUR",
            "total": { "minor": 1790, "currency": "EUR" },
            "lines": [{ "sku": sku, "title": "Mug", "qty": 1, "unit_price": { "minor": 1790, "currency": "EUR" } }],
            "delivery": { "service": "pickup", "site": "berlin-1" }, "payment": "paid", "language": "de"
        }, "contact": { "name": "Ada Example" } })
    };
    let answers = [
        (order("A-1", "MUG-7"), 201),
        (order("A-1", "MUG-7"), 200),
        (order("A-2", "NO-SUCH"), 201),
        (json!({ "order": {} }), 202),
    ];
    for (body, status) in answers {
        shapes.body(&body, "NewOrder", status != 202);
        let (got, answer) = chain.post("/v1/orders", &body).await;
        assert_eq!(got, status, "{answer}");
        shapes.answer("post", "/v1/orders", got, &answer);
    }
    let shop = include_str!("../fixtures/shopify/part_delivered.json");
    let (status, answer) = chain.webhook(shop).await;
    assert_eq!(status, 201, "{answer}");
    shapes.answer("post", "/v1/channels/shopify/orders", status, &answer);

    let (status, list) = chain.get("/v1/orders?limit=1").await;
    shapes.answer("get", "/v1/orders", status, &list);
    assert!(list["next"].is_string());
    let (status, list) = chain.get("/v1/orders?q=A-1").await;
    shapes.answer("get", "/v1/orders", status, &list);
    let (status, problem) = chain.get("/v1/orders?state=lost").await;
    shapes.answer("get", "/v1/orders", status, &problem);

    let id = list["orders"][0]["id"].as_str().unwrap().to_owned();
    let detail = chain.until_routed(&id).await;
    shapes.answer("get", "/v1/orders/{id}", 200, &detail);
    assert_eq!(detail["cases"].as_array().map(Vec::len), Some(1), "{detail}");
    assert!(
        !detail["decisions"].as_array().unwrap().is_empty()
            && !detail["timeline"].as_array().unwrap().is_empty()
    );
    let page = chain.page(&format!("/orders/{id}")).await;
    assert!(page.contains("Offered to the site") && page.contains("berlin-1"), "the console shows it, too");

    let case = detail["cases"][0]["fulfillment"]["header"]["case"].as_str().unwrap();
    let (status, code) = chain.get(&format!("/v1/pickup-codes/{case}")).await;
    shapes.answer("get", "/v1/pickup-codes/{case}", status, &code);

    for (act, body) in [
        ("hold", json!({ "reason": "fraud" })),
        ("approve", json!({})),
        ("cancel", json!({ "reason": "fraud" })),
    ] {
        let (status, answer) = chain.post(&format!("/v1/orders/{id}/{act}"), &body).await;
        assert!(status < 300, "{act}: {answer}");
        shapes.answer("post", &format!("/v1/orders/{{id}}/{act}"), status, &answer);
        let (_, detail) = chain.get(&format!("/v1/orders/{id}")).await;
        shapes.answer("get", "/v1/orders/{id}", 200, &detail);
    }
    let nobody = format!("/v1/orders/{}/hold", uuid::Uuid::nil());
    let (status, problem) = chain.post(&nobody, &json!({ "reason": "fraud" })).await;
    shapes.answer("post", "/v1/orders/{id}/hold", status, &problem);
}

async fn sites_fit(chain: &Chain, shapes: &Shapes<'_>) {
    for (path, address) in [
        ("/v1/sites", "/v1/sites"),
        ("/v1/sites/{site}", "/v1/sites/berlin-1"),
        ("/v1/sites/{site}", "/v1/sites/nowhere"),
        ("/v1/sites/{site}/stock", "/v1/sites/berlin-1/stock"),
        ("/v1/sites/{site}/documents", "/v1/sites/berlin-1/documents?verify=true"),
        ("/v1/sites/{site}/keys", "/v1/sites/berlin-1/keys"),
    ] {
        let (status, answer) = chain.get(address).await;
        shapes.answer("get", path, status, &answer);
    }
    let page = chain.page("/sites/berlin-1").await;
    assert!(page.contains("Berlin Mitte") && page.contains("MUG-7"));
}

async fn operations_fit(chain: &Chain, shapes: &Shapes<'_>) {
    let (status, list) = chain.get("/v1/exceptions?all=true").await;
    shapes.answer("get", "/v1/exceptions", status, &list);
    let exceptions = list["exceptions"].as_array().unwrap();
    let codes: BTreeSet<&str> =
        exceptions.iter().filter_map(|exception| exception["code"].as_str()).collect();
    assert!(codes.contains("malformed_payload") && codes.contains("unknown_sku"), "{codes:?}");
    let malformed =
        exceptions.iter().find(|exception| exception["code"] == json!("malformed_payload")).unwrap();
    let kept = chain.page(&format!("/v1/payloads/{}", malformed["payload"].as_str().unwrap())).await;
    assert_eq!(kept, r#"{"order":{}}"#, "the payload is kept byte by byte");

    let address = format!("/v1/exceptions/{}/resolve", malformed["id"].as_str().unwrap());
    for expected in [204, 404] {
        let (status, answer) = chain.post(&address, &json!({ "note": "entered by hand" })).await;
        assert_eq!(status, expected);
        shapes.answer("post", "/v1/exceptions/{id}/resolve", status, &answer);
    }
    let observation = json!({ "tracking": "NOBODY", "fact": "delivered", "at": 0 });
    let (status, answer) = chain.post("/v1/carriers/observations", &observation).await;
    shapes.answer("post", "/v1/carriers/observations", status, &answer);
    let (status, stats) = chain.get("/v1/stats").await;
    shapes.answer("get", "/v1/stats", status, &stats);
    for page in ["/", "/orders", "/exceptions?all=true", "/sites", "/stock?q=mug", "/imports"] {
        assert!(chain.page(page).await.contains("</html>"), "{page}");
    }
}
