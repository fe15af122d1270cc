//! Downloads, and the parameters of exports and events, whose right values end in a stream: these sites have none, and
//! say so.

use super::*;
use crate::http::api::download::tests::Site;

#[test]
fn downloads_are_as_described() {
    let site = Site::new("a.log");
    let document = document(&site.bench);
    let path = "/logs/download/{name}";
    let mut statuses = BTreeSet::from([404, 503]);
    for headers in [
        &[][..],
        &[("range", "bytes=1-2")],
        &[("range", "bytes=1-2,4-5")],
        &[("range", "bytes=999999-")],
        &[("if-none-match", "*")],
        &[("if-match", "\"another\"")],
    ] {
        for (method, name) in [(Method::Get, "get"), (Method::Head, "head")] {
            let (status, head, body) = site.ask(method, "a.log", headers);
            let described = &document["paths"][path][name]["responses"][status.to_string()];
            assert!(described.is_object(), "{name} {headers:?}: {status}");
            statuses.insert(status);
            if method == Method::Get {
                let lines = head.lines().map(str::to_owned).collect();
                assert_eq!(faults(&document, path, name, &(status, lines, body)), [""; 0], "{headers:?}");
            }
        }
    }
    let described = document["paths"][path]["get"]["responses"].as_object().unwrap().keys();
    let of_all = [400, 401, 403, 429];
    let own: BTreeSet<u16> =
        described.map(|status| status.parse().unwrap()).filter(|one| !of_all.contains(one)).collect();
    assert_eq!(statuses, own);
}

#[test]
fn parameters_of_exports_are_what_they_are_said_to_be() {
    let bench = full(Origin::Database);
    let document = document(&bench);
    let path = "/api/v1/export";
    let is = |status: u16, target: &str| {
        let answer = bench.ask_with(target, Method::Get, &[]);
        assert_eq!(answer.0, status, "{target}");
        assert_eq!(faults(&document, path, "get", &answer), [""; 0], "{target}");
    };
    let operation = &document["paths"][path]["get"];
    for parameter in parameters(&document, operation, "query") {
        let name = parameter["name"].as_str().unwrap();
        let (allowed, wrong) = samples(&parameter["schema"]);
        let target = |value: &str| match name {
            "what" => format!("{path}?what={value}"),
            _ => format!("{path}?what=energy&{name}={value}"),
        };
        let no_dates = ["2026-02-30", "26-01-01", "1999-12-31", ""].map(str::to_owned).to_vec();
        let wrong = if parameter["schema"]["format"] == "date" { no_dates } else { wrong };
        assert!(!allowed.is_empty() && !wrong.is_empty(), "{name}");
        allowed.iter().for_each(|value| is(503, &target(value)));
        wrong.iter().for_each(|value| is(400, &target(value)));
    }
    is(400, path);
    is(400, "/api/v1/export?what=days&from=2026-11-22&to=2026-11-21");
    let described: Vec<&str> =
        operation["parameters"].as_array().unwrap().iter().filter_map(|p| p["name"].as_str()).collect();
    assert_eq!(described, ["what", "from", "to", "format"]);
}

#[test]
fn parameters_of_events_are_what_they_are_said_to_be() {
    let bench = full(Origin::Database);
    let document = document(&bench);
    let stream = &document["paths"]["/api/v1/events"]["get"];
    for parameter in parameters(&document, stream, "query") {
        let name = parameter["name"].as_str().unwrap();
        for value in parameter["schema"]["items"]["enum"].as_array().unwrap() {
            let target = format!("/api/v1/events?{name}={}&log=master", value.as_str().unwrap());
            assert_eq!(bench.ask(&target).0, 503, "{target}: this one has no streams");
        }
        assert_eq!(bench.ask(&format!("/api/v1/events?{name}=nonsense")).0, 400);
    }
}
