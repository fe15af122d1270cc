//! Routes, answers and description are of one mind.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::checker::Checker;
use crate::http::api::tests::Bench;
use crate::http::api::{Api, Keep, ROUTES, Told};
use crate::http::events::{Source, Topics};
use crate::http::gate::token::Token;
use crate::http::gate::{Gate, Rules};
use crate::http::message::{Answer, Handler, Method, Request, body_of};
use crate::http::refusal::Refusal;
use crate::inquiry::Desk;
use crate::snapshot::Origin;

mod samples;
pub mod sites;
mod streams;
use samples::samples;
use sites::{benches, empty, full};

/// Routes that are not described: what has no path, the page's parts and its other name.
const UNDESCRIBED: [&str; 3] = ["other", "/assets/", "/index.html"];
/// Answered by those who take the connection over.
const NOT_FROM_MEMORY: [&str; 3] = ["/api/v1/events", "/api/v1/export", "/logs/download/{name}"];

/// Another one for the same site, to be shared.
fn api(bench: &Bench) -> Api {
    Api::new(Arc::clone(&bench.cell), bench.clock.clone(), Desk::new().0, &bench.config, false)
}

fn document(bench: &Bench) -> Value {
    let (status, document) = bench.ask("/openapi.json");
    assert_eq!(status, 200);
    document
}

/// Every operation of the description: path, method, itself.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| {
            item.as_object().unwrap().iter().map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        })
        .collect()
}

/// What is asked of every site: each path as it is, and with all that a parameter may be.
fn targets(document: &Value) -> Vec<String> {
    let mut targets = Vec::new();
    for (path, method, operation) in operations(document) {
        if method != "get" || NOT_FROM_MEMORY.contains(&path) {
            continue;
        }
        targets.push(path.to_owned());
        for parameter in parameters(document, operation, "query") {
            let (allowed, _) = samples(&parameter["schema"]);
            let name = parameter["name"].as_str().unwrap();
            targets.extend(allowed.iter().map(|value| format!("{path}?{name}={}", value.replace('+', "%2B"))));
        }
    }
    for more in [
        "/health?max_age_seconds=10",
        "/logs?file=journal&q=x&since=2026-11-22T13:00&before=2026-11-23",
        "/logs?file=summary&level=INFO",
        "/logs?follow=true",
        "/logs/download/none.log",
        "/api/v1/prices?day=2026-11-21",
        "/api/v1/prices?format=evcc&price=sell",
        "/api/v1/prices?day=2026-11-21&by=hour",
        "/monthly-summary?year=2026&month=10",
        "/monthly-comparison?year=2026&month=11",
        "/api/v1/decisions/1",
        "/api/v1/decisions/2",
        "/api/v1/decisions/3",
        "/api/v1/decisions/1795345200000000.0",
        "/api/v1/decisions/404",
        "/api/v1/decisions?from=2027-01-01",
        "/api/v1/decisions?limit=2&text=out+of+time",
        "/api/v1/events?topics=weather",
        "/api/v1/events",
        "/api/v1/energy?from=2026-11-19&by=hour",
        "/api/v1/energy?from=2026-11-22&to=2026-11-21&by=year",
        "/api/v1/history?from=2026-11-01&fields=soc,price",
    ] {
        targets.push(more.to_owned());
    }
    targets
}

fn parameters<'a>(document: &'a Value, operation: &'a Value, place: &str) -> Vec<&'a Value> {
    let reference = |value: &'a Value| match value["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => value,
    };
    let list = operation["parameters"].as_array().unwrap().iter().map(reference);
    list.filter(|parameter| parameter["in"] == place).collect()
}

/// Everything that is wrong with an answer.
fn faults(document: &Value, template: &str, method: &str, answer: &(u16, Vec<String>, Vec<u8>)) -> Vec<String> {
    let checker = Checker(document);
    let (status, headers, body) = answer;
    let response = &document["paths"][template][method]["responses"][status.to_string()];
    if response.is_null() {
        return vec![format!("status {status} is not described")];
    }
    let response = checker.resolved(response);
    let sent = |name: &str| headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let mut faults = Vec::new();
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let schema = &checker.resolved(header)["schema"];
        match sent(name) {
            Some(text) => {
                let value = text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number));
                faults.extend(checker.faults(schema, &value).iter().map(|fault| format!("{name}{fault}")));
            }
            // An answer that cannot be given at once is worth another try; one that only says so is not.
            None if name == "Retry-After" && template == "/health" => {}
            None => faults.push(format!("{name} is not sent with {status}")),
        }
    }
    if *status == 304 || *status == 204 {
        return faults;
    }
    let kind = sent("Content-Type").unwrap_or("none").split(';').next().unwrap();
    let content = &response["content"][kind];
    if content.is_null() {
        faults.push(format!("{kind} is not described"));
    } else if kind == "application/json" {
        let value: Value = serde_json::from_slice(body).unwrap();
        faults.extend(checker.faults(&content["schema"], &value));
    } else {
        let text = String::from_utf8(body.clone()).unwrap();
        faults.extend(checker.faults(&content["schema"], &text.into()));
    }
    faults
}

fn template(target: &str) -> &str {
    let path = target.split('?').next().unwrap();
    match path {
        _ if path.starts_with("/logs/download/") => "/logs/download/{name}",
        _ if path.starts_with("/api/v1/decisions/") => "/api/v1/decisions/{id}",
        _ => path,
    }
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let bench = empty();
    let document = document(&bench);
    let described: BTreeSet<&str> =
        document["paths"].as_object().unwrap().keys().map(|path| path.split('{').next().unwrap()).collect();
    let routes: BTreeSet<&str> =
        ROUTES.iter().map(|route| route.path).filter(|path| !UNDESCRIBED.contains(path)).collect();
    assert_eq!(described, routes);
    assert_eq!(ROUTES.len(), routes.len() + UNDESCRIBED.len(), "a route stands there twice");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&document["openapi"], document["tags"].is_array()), (&json!("3.1.0"), true));
}

#[test]
fn every_operation_is_whole() {
    let bench = empty();
    let document = document(&bench);
    let mut ids = BTreeSet::new();
    let tags: Vec<&Value> = document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    for (path, method, operation) in operations(&document) {
        assert!(["get", "head", "options"].contains(&method), "{path} {method}");
        assert!(ids.insert(operation["operationId"].to_string()), "{} stands there twice", operation["operationId"]);
        assert!(operation["summary"].as_str().is_some_and(|text| text.ends_with('.')), "{path} {method}");
        assert!(operation["tags"].as_array().unwrap().iter().all(|tag| tags.contains(&tag)), "{path} {method}");
    }
    let counts = [document["paths"].as_object().unwrap().len() * 3, operations(&document).len()];
    assert_eq!(counts, [ids.len(); 2]);
}

/// Calls `look` with every object of a document, and the place where it stands.
fn walk<'a>(value: &'a Value, at: &str, look: &mut impl FnMut(&str, &'a serde_json::Map<String, Value>)) {
    if let Some(object) = value.as_object() {
        look(at, object);
        object.iter().for_each(|(key, value)| walk(value, &format!("{at}/{key}"), look));
    }
    for (index, value) in value.as_array().into_iter().flatten().enumerate() {
        walk(value, &format!("{at}/{index}"), look);
    }
}

#[test]
fn references_lead_somewhere_schemas_are_used_and_fields_are_told_of() {
    let bench = empty();
    let document = document(&bench);
    let mut used = BTreeSet::new();
    walk(&document, "", &mut |at, object| {
        if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(&reference[1..]).is_some(), "{at}: {reference} leads nowhere");
            used.insert(reference.to_owned());
        }
    });
    for kind in ["schemas", "responses", "parameters", "headers"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let is_told_of = used.contains(&format!("#/components/{kind}/{name}")) || name == "MethodNotAllowed";
            assert!(is_told_of, "{kind}/{name} is used nowhere");
        }
    }
    walk(&document["components"]["schemas"], "", &mut |at, object| {
        let is_field = at.rsplit('/').nth(1) == Some("properties");
        let told = object.get("description").and_then(Value::as_str).is_some_and(|text| text.ends_with('.'));
        assert!(!is_field || told || object.contains_key("$ref"), "{at} is not told of");
        let lists = object.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in lists.filter(|_| object.contains_key("properties")) {
            let own = object.get("properties").and_then(|fields| fields.get(name.as_str().unwrap()));
            assert!(own.is_some() || object.contains_key("allOf"), "{at} requires {name}, which is not described");
        }
    });
}

#[test]
fn every_answer_of_every_kind_of_site_is_as_described() {
    let mut statuses = BTreeSet::new();
    for (name, bench) in benches() {
        let document = document(&bench);
        for target in targets(&document) {
            let answer = bench.ask_with(&target, Method::Get, &[]);
            let mut faults = faults(&document, template(&target), "get", &answer);
            if matches!(bench.api.handle(&request(Method::Get, &target, &[])), Answer::Later(_)) {
                // What is looked up is not kept, and so has no tag.
                faults.retain(|fault| fault != "ETag is not sent with 200");
            }
            assert!(faults.is_empty(), "{name} {target} {}:\n{}", answer.0, faults.join("\n"));
            statuses.insert(answer.0);
        }
    }
    assert_eq!(statuses, BTreeSet::from([200, 400, 404, 503]));
}

fn request(method: Method, target: &str, headers: &[(&str, &str)]) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Request { method, path: path.into(), query: query.into(), headers, peer: [127, 0, 0, 1].into() }
}

#[test]
fn parameters_are_what_they_are_said_to_be() {
    let bench = full(Origin::Database);
    let document = document(&bench);
    for (path, method, operation) in operations(&document) {
        if method != "get" || NOT_FROM_MEMORY.contains(&path) {
            continue;
        }
        for parameter in parameters(&document, operation, "query") {
            let name = parameter["name"].as_str().unwrap();
            let (allowed, wrong) = samples(&parameter["schema"]);
            for value in allowed {
                let target = format!("{path}?{name}={}", value.replace('+', "%2B"));
                assert_ne!(bench.ask(&target).0, 400, "{target}");
            }
            for value in wrong {
                let target = format!("{path}?{name}={value}");
                assert_eq!(bench.ask(&target).0, 400, "{target}");
            }
            if let Some(default) = parameter["schema"].get("default") {
                let default = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
                let target = format!("{path}?{name}={default}");
                let told = |target: &str| bench.ask_with(target, Method::Get, &[]).2;
                assert_eq!(told(&target), told(path), "{target}");
            }
        }
    }
}

#[test]
fn who_has_it_already_is_told_so_where_that_is_described() {
    let bench = full(Origin::Database);
    let document = document(&bench);
    for (path, method, operation) in operations(&document) {
        if method != "get" || NOT_FROM_MEMORY.contains(&path) {
            continue;
        }
        let answer = bench.ask_with(path, Method::Get, &[("if-none-match", "*")]);
        let described = operation["responses"].get("304").is_some();
        assert_eq!(answer.0 == 304, described, "{path}");
        assert!(faults(&document, path, "get", &answer).is_empty(), "{path}");
        let keep = ROUTES.iter().find(|route| route.path == path).map(|route| route.keep);
        assert!(described || keep != Some(Keep::Publication), "{path}");
    }
}

#[test]
fn head_and_options_are_as_described() {
    for (name, bench) in benches() {
        let document = document(&bench);
        for (path, method, operation) in operations(&document) {
            match method {
                "options" => {
                    let answer = bench.ask_with(path, Method::Options, &[]);
                    let faults = faults(&document, path, "options", &answer);
                    assert!(answer.0 == 204 && faults.is_empty(), "{name} {path}: {faults:?}");
                }
                "head" if !NOT_FROM_MEMORY.contains(&path) => {
                    let (status, ..) = bench.ask_with(path, Method::Head, &[]);
                    assert!(operation["responses"].get(status.to_string()).is_some(), "{name} {path} {status}");
                }
                _ => {}
            }
        }
    }
}

#[test]
fn every_event_is_as_described() {
    let mut names = BTreeSet::new();
    for (name, bench) in benches() {
        let document = document(&bench);
        let stream = &document["paths"]["/api/v1/events"]["get"]["responses"]["200"]["content"]["text/event-stream"];
        let mut told = Told::new(Arc::new(api(&bench)));
        let all = (0..8).fold(Topics::NONE, Topics::with);
        let mut news = Vec::new();
        told.look(all, &mut news);
        assert_eq!(news.len(), 8, "{name}");
        for event in news {
            let data = serde_json::from_str(&event.data).unwrap();
            let faults = Checker(&document).faults(&stream["x-events"][event.name], &data);
            assert!(faults.is_empty(), "{name} {}:\n{}", event.name, faults.join("\n"));
            names.insert(event.name);
        }
        let described: Vec<&String> = stream["x-events"].as_object().unwrap().keys().collect();
        assert_eq!(described, names.iter().collect::<Vec<_>>());
    }
}

#[test]
fn refusals_of_the_edge_are_as_described() {
    let bench = empty();
    let document = document(&bench);
    let checker = Checker(&document);
    let schema = json!({"$ref": "#/components/schemas/Error"});
    for status in [400, 405, 408, 413, 414, 417, 431, 500, 501, 503, 505] {
        let response = Refusal::new(status, "why").response();
        let headers: Vec<String> = response.headers().iter().map(ToString::to_string).collect();
        let body = serde_json::from_slice(&body_of(response)).unwrap();
        assert_eq!(checker.faults(&schema, &body), [""; 0], "{status}");
        if status == 405 {
            let allow = &document["components"]["responses"]["MethodNotAllowed"]["headers"]["Allow"]["schema"]["const"];
            assert!(headers.contains(&format!("Allow: {}", allow.as_str().unwrap())), "{headers:?}");
        }
    }
}

#[test]
fn refusals_of_the_gate_are_as_described() {
    let bench = empty();
    let document = document(&bench);
    let token = Token::parse("correct-horse-battery").unwrap();
    let rules = Rules::new(&bench.config.access, "pi".into(), Some(token));
    let gate = Gate::new(Arc::new(api(&bench)), rules, bench.clock.clone());
    let mut statuses = BTreeSet::new();
    for path in document["paths"].as_object().unwrap().keys() {
        for (peer, header) in [("8.8.8.8", ("x", "y")), ("127.0.0.1", ("host", "evil.example"))]
            .into_iter()
            .chain([("10.0.0.1", ("x", "y"))])
            .chain([("10.0.0.1", ("authorization", "Bearer wrong")); 12])
        {
            let request = Request { peer: peer.parse().unwrap(), ..request(Method::Get, path, &[header]) };
            let Answer::Ready(response) = gate.handle(&request) else { continue };
            let headers = response.headers().iter().map(ToString::to_string).collect();
            let answer = (response.status_code().0, headers, body_of(response));
            assert_eq!(faults(&document, path, "get", &answer), [""; 0], "{path} {peer} {header:?}");
            statuses.insert(answer.0);
        }
    }
    assert!(statuses.is_superset(&BTreeSet::from([401, 403, 429])), "{statuses:?}");
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let document = json!({"components": {"schemas": {
        "Named": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        "Tree": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}, "maxItems": 2},
    }}});
    let checker = Checker(&document);
    let named = json!({"$ref": "#/components/schemas/Named"});
    let aged = json!({"allOf": [named], "properties": {"age": {"type": ["integer", "null"], "minimum": 0}}});
    let either = json!({"anyOf": [named, {"type": "null"}]});
    let one = json!({"oneOf": [{"type": "number", "maximum": 5}, {"type": "number", "minimum": 5}]});
    let map =
        json!({"type": "object", "properties": {"a": {"type": "null"}}, "additionalProperties": {"type": "string"}});
    let tree = json!({"$ref": "#/components/schemas/Tree"});
    let pair = json!({"items": {"enum": ["x", null]}, "minItems": 2});
    let time = json!({"type": "string", "format": "date-time"});
    let date = json!({"format": "date"});
    let hour = json!({"pattern": "^\\d{2}:00$"});
    let anything = json!({"description": "Whatever."});
    for (schema, right, wrong) in [
        (
            &named,
            vec![json!({"name": "x"})],
            vec![json!({}), json!({"name": 1}), json!({"name": "x", "more": 1}), json!([])],
        ),
        (
            &aged,
            vec![json!({"name": "x", "age": 3}), json!({"name": "x", "age": null}), json!({"name": "x"})],
            vec![
                json!({"age": 3}),
                json!({"name": "x", "age": -1}),
                json!({"name": "x", "age": 1.5}),
                json!({"name": "x", "b": 1}),
            ],
        ),
        (
            &either,
            vec![json!({"name": "x"}), Value::Null],
            vec![json!("x"), json!({"name": null}), json!({"name": "x", "b": 1})],
        ),
        (&one, vec![json!(4), json!(6.5)], vec![json!(5), json!("5")]),
        (&map, vec![json!({}), json!({"a": null, "b": "x"})], vec![json!({"a": "x"}), json!({"b": null})]),
        (&tree, vec![json!([]), json!([[], [[]]])], vec![json!([1]), json!([[[1]]]), json!([[], [], []])]),
        (&pair, vec![json!(["x", null])], vec![json!(["x"]), json!(["x", "y"])]),
        (
            &time,
            vec![json!("2026-11-22T14:00:00+01:00"), json!("2026-11-22T14:00:00Z")],
            vec![
                json!("2026-11-22T14:00:00"),
                json!("2026-11-22 14:00:00Z"),
                json!("2026-13-22T14:00:00Z"),
                json!(5),
                Value::Null,
            ],
        ),
        (&date, vec![json!("2026-02-28")], vec![json!("2026-02-30"), json!("28.02.2026")]),
        (&hour, vec![json!("07:00"), json!(7)], vec![json!("7:00"), json!("07:15"), json!("07:000"), json!("xx:00")]),
        (&anything, vec![json!({"a": 1}), Value::Null], vec![]),
        (&json!({"const": 900}), vec![json!(900)], vec![json!(901), Value::Null]),
        (&json!({"exclusiveMaximum": 0}), vec![json!(-0.01)], vec![json!(0)]),
        (&json!({"additionalProperties": false}), vec![json!({})], vec![json!({"a": 1})]),
        (&json!({"type": "boolean"}), vec![json!(true)], vec![json!(0), json!("true")]),
        (&json!({"minLength": 1}), vec![json!("ł")], vec![json!("")]),
    ] {
        for value in right {
            assert_eq!(checker.faults(schema, &value), [""; 0], "{schema} {value}");
        }
        for value in wrong {
            assert!(!checker.faults(schema, &value).is_empty(), "{schema} {value}");
        }
    }
}

#[test]
fn an_answer_that_differs_from_its_description_is_found() {
    let bench = full(Origin::Database);
    let document = document(&bench);
    let (status, headers, body) = bench.ask_with("/api/v1/state", Method::Get, &[]);
    let state: Value = serde_json::from_slice(&body).unwrap();
    let found = |path: &str, change: &dyn Fn(&mut Value)| {
        let mut changed = state.clone();
        change(changed.pointer_mut(path).unwrap());
        let answer = (status, headers.clone(), serde_json::to_vec(&changed).unwrap());
        faults(&document, "/api/v1/state", "get", &answer)
    };
    assert_eq!(found("", &|_| ()), [""; 0]);
    let more = |value: &mut Value| value["more"] = json!(1);
    for path in ["", "/live", "/live/battery", "/prices/today/provenance", "/sources/logs", "/today/decisions"] {
        assert_eq!(found(path, &more), [format!("{}.more is not described", path.replace('/', "."))]);
    }
    let as_text = |value: &mut Value| *value = json!("1");
    for path in ["/live/age_s", "/prices/today/slots/3/0", "/sources/logs/state", "/live/as_of", "/decision/confidence"]
    {
        assert_eq!(found(path, &as_text).len(), 1, "{path}");
    }
    let less = |value: &mut Value| {
        let object = value.as_object_mut().unwrap();
        let first = object.keys().next().unwrap().clone();
        object.remove(&first);
    };
    for path in ["", "/live", "/live/grid", "/prices/current", "/coordinator", "/live/unknown"] {
        assert_eq!(found(path, &less).len(), usize::from(path != "/live/unknown"), "{path}");
    }
    let moved = (418, headers.clone(), body.clone());
    assert_eq!(faults(&document, "/api/v1/state", "get", &moved), ["status 418 is not described"]);
}
