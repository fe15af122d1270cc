//! `/openapi.json`: what every path answers, as OpenAPI 3.1. The files beside this one describe each path once, and what
//! paths share; what holds for all of them (HEAD, OPTIONS, the refusals of the gate, tags) is added here, once.
//!
//! The tests compare it with the routes and with their answers.

use std::sync::Arc;

use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::base::document::Document;
use crate::http::message::header;
use crate::http::prepared::Prepared;

const OPENAPI: &str = "3.1.0";
/// All the files, packed: it is asked for once in a while, and 120 KB are a part of the program that counts.
const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json.gz"));
/// Refusals that any path may answer, and whether only those that ask for the token do.
const REFUSALS: [(&str, &str, bool); 5] = [
    ("400", "BadRequest", false),
    ("401", "Unauthorized", true),
    ("403", "Forbidden", false),
    ("429", "TooManyWrong", true),
    ("503", "Busy", false),
];

type Object = Map<String, Value>;

/// What `build.rs` makes of the files.
#[derive(Deserialize)]
struct Files {
    /// What paths share.
    shared: Shared,
    /// Paths and their schemas.
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Shared {
    info: Object,
    tags: Value,
    security: Value,
    #[serde(flatten)]
    components: Object,
}

#[derive(Deserialize)]
struct Part {
    paths: Object,
    schemas: Object,
}

/// In the order in which people read it.
#[derive(Serialize)]
struct Description {
    openapi: &'static str,
    info: Object,
    tags: Value,
    security: Value,
    paths: Object,
    components: Object,
}

/// The document.
pub fn prepared() -> Arc<Prepared> {
    let text = serde_json::to_vec(&description()).expect("a plain struct is JSON");
    let headers = vec![header("Content-Type", "application/json"), header("Cache-Control", "no-cache")];
    Arc::new(Prepared::new(Arc::new(Document::new(text)), 200, headers, true))
}

fn description() -> Description {
    let Files { shared, parts } = serde_json::from_reader(GzDecoder::new(PACKED)).expect("build.rs has packed it");
    let Shared { mut info, tags, security, mut components } = shared;
    info.insert("version".to_owned(), env!("CARGO_PKG_VERSION").into());
    let mut paths = Object::new();
    let mut schemas = object(components.remove("schemas"));
    for part in parts {
        schemas.extend(part.schemas);
        paths.extend(part.paths.into_iter().map(|(path, item)| (path, whole(item))));
    }
    components.insert("schemas".to_owned(), schemas.into());
    Description { openapi: OPENAPI, info, tags, security, paths, components }
}

/// A path with all its methods, of what is written of GET.
fn whole(item: Value) -> Value {
    let mut item = object(Some(item));
    let mut get = object(item.remove("get"));
    let asks_for_token = get.get("security").is_none();
    let mut responses = object(get.remove("responses"));
    for (status, name, for_token) in REFUSALS {
        if asks_for_token || !for_token {
            responses.entry(status).or_insert_with(|| response(name));
        }
    }
    let mut parameters = get.remove("parameters").and_then(|list| list.as_array().cloned()).unwrap_or_default();
    // OPTIONS is answered whatever the last part of the path is.
    let anything = |parameter: &Value| {
        let mut parameter = object(Some(parameter.clone()));
        parameter.insert("schema".to_owned(), json!({"type": "string"}));
        Value::from(parameter)
    };
    let in_path: Vec<Value> = parameters.iter().filter(|parameter| parameter["in"] == "path").map(anything).collect();
    if responses.contains_key("304") {
        parameters.push(json!({"$ref": "#/components/parameters/IfNoneMatch"}));
        responses["200"]["headers"]["ETag"] = json!({"$ref": "#/components/headers/ETag"});
    }
    get.insert("parameters".to_owned(), parameters.into());
    let id = get["operationId"].as_str().unwrap_or_default().to_owned();

    let mut head = get.clone();
    head.insert("operationId".to_owned(), format!("{id}Head").into());
    let bodiless: Object = responses.keys().map(|status| (status.clone(), response("Bodiless"))).collect();
    head.insert("responses".to_owned(), bodiless.into());
    let options = json!({
        "operationId": format!("{id}Options"),
        "tags": get["tags"],
        "summary": "The methods that are answered.",
        "security": [],
        "parameters": in_path,
        "responses": {
            "204": response("Methods"),
            "400": response("BadRequest"),
            "403": response("Forbidden"),
            "503": response("Busy"),
        },
    });
    get.insert("responses".to_owned(), responses.into());
    item.extend([("get".to_owned(), get.into()), ("head".to_owned(), head.into()), ("options".to_owned(), options)]);
    item.into()
}

fn response(name: &str) -> Value {
    json!({"$ref": format!("#/components/responses/{name}")})
}

fn object(value: Option<Value>) -> Object {
    match value {
        Some(Value::Object(object)) => object,
        _ => Object::new(),
    }
}

#[cfg(test)]
mod checker;
#[cfg(test)]
pub mod tests;
