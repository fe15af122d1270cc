//! What the stand-in for the price API answers to a path and a query. Pure.
//!
//! It understands as much as the real one is asked: `$filter` with comparisons joined by `and`, `$orderby`, `$first`
//! and `$after`. What the real one refuses is refused alike, so that a mistake shows here and not at the real one.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use serde_json::{Map, Value, json};

use super::price_rows::{self, Entity};
use super::prices::Market;

/// Rows in an answer unless `$first` says otherwise, and the most it may say.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 20_000;
/// How far back a range reaches when it names no beginning.
const DAYS_BACK: i32 = 400;

/// A status and a body.
pub type Answered = (u16, Value);

/// The prices that are offered.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Where they come from.
    pub market: Market,
    /// Whose days they have.
    pub zone: TimeZone,
    /// Varies what has no other reason.
    pub seed: u64,
}

type Row = Map<String, Value>;

/// One `column operator 'value'`.
#[derive(Debug, PartialEq)]
struct Condition {
    column: String,
    operator: String,
    value: String,
}

#[derive(Debug)]
struct Question {
    entity: Entity,
    conditions: Vec<Condition>,
    descending: bool,
    first: usize,
    after: usize,
}

/// The answer to `target` (path and query as sent) at `now`; `base` stands before the path in a link to the next page.
pub fn answer(offer: &Offer, target: &str, base: &str, now: Timestamp) -> Answered {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let Some(entity) = path.strip_prefix("/api/").and_then(Entity::named) else {
        return (404, json!({"error": {"code": "EntityNotFound", "message": format!("no such entity: {path}")}}));
    };
    let question = match parse(entity, query) {
        Ok(question) => question,
        Err(message) => return (400, json!({"error": {"code": "BadRequest", "message": message}})),
    };
    let mut rows = matching(offer, &question, &now.to_zoned(offer.zone.clone()));
    if question.descending {
        rows.reverse();
    }
    let total = rows.len();
    let page: Vec<Row> = rows.into_iter().skip(question.after).take(question.first).collect();
    let next = question.after.saturating_add(page.len());
    let mut body = json!({"value": page});
    if next < total && next > question.after {
        let kept: Vec<&str> = query.split('&').filter(|pair| !decode(pair).starts_with("$after=")).collect();
        body["nextLink"] = json!(format!("{base}{path}?{}&$after={next}", kept.join("&")));
    }
    (200, body)
}

fn parse(entity: Entity, query: &str) -> Result<Question, String> {
    let mut question = Question { entity, conditions: Vec::new(), descending: false, first: PAGE, after: 0 };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name), decode(value));
        match name.as_str() {
            "$filter" => question.conditions = conditions(entity, &value)?,
            "$orderby" => question.descending = descending(entity, &value)?,
            "$first" => match value.parse() {
                Ok(first @ 1..=LARGEST_PAGE) => question.first = first,
                _ => return Err(format!("$first must be 1 to {LARGEST_PAGE}, not {value:?}")),
            },
            "$after" => question.after = value.parse().map_err(|_| format!("$after {value:?} is no page"))?,
            _ => return Err(format!("Invalid Query Parameter: {name}")),
        }
    }
    Ok(question)
}

fn conditions(entity: Entity, filter: &str) -> Result<Vec<Condition>, String> {
    filter.split(" and ").map(|part| condition(entity, part.trim())).collect()
}

fn condition(entity: Entity, part: &str) -> Result<Condition, String> {
    let mut words = part.splitn(3, ' ').map(str::trim);
    let (Some(column), Some(operator), Some(value)) = (words.next(), words.next(), words.next()) else {
        return Err(format!("Syntax error in $filter at {part:?}"));
    };
    known_column(entity, column)?;
    if !matches!(operator, "eq" | "ne" | "ge" | "gt" | "le" | "lt") {
        return Err(format!("Syntax error in $filter: unknown operator {operator:?}"));
    }
    let value = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(value);
    Ok(Condition { column: column.into(), operator: operator.into(), value: value.into() })
}

fn descending(entity: Entity, order: &str) -> Result<bool, String> {
    // Every column that is sensible to sort by runs with time.
    let mut words = order.split(',').next().unwrap_or("").split_whitespace();
    known_column(entity, words.next().unwrap_or(""))?;
    match words.next() {
        None | Some("asc") => Ok(false),
        Some("desc") => Ok(true),
        Some(other) => Err(format!("Syntax error in $orderby at {other:?}")),
    }
}

fn known_column(entity: Entity, column: &str) -> Result<(), String> {
    if entity.columns().contains(&column) {
        return Ok(());
    }
    Err(format!("Could not find a property named '{column}' on type 'default_namespace.{}'", entity.name()))
}

/// All published rows that meet the conditions, by time.
fn matching(offer: &Offer, question: &Question, now: &Zoned) -> Vec<Row> {
    let mut rows = Vec::new();
    let Ok(first) = now.date().checked_sub(DAYS_BACK.days()) else { return rows };
    let named_day = question
        .conditions
        .iter()
        .find(|condition| condition.column == "business_date" && condition.operator == "eq")
        .map(|condition| condition.value.parse::<Date>());
    let days: Box<dyn Iterator<Item = Date>> = match named_day {
        Some(Ok(date)) => Box::new(std::iter::once(date)),
        Some(Err(_)) => return rows,
        None => Box::new(first.series(1.day()).take_while(|date| price_rows::is_published(*date, now))),
    };
    for date in days.filter(|date| price_rows::is_published(*date, now)) {
        if !day_may_match(&question.conditions, date) {
            continue;
        }
        let all = price_rows::day(question.entity, &offer.market, &offer.zone, offer.seed, date);
        rows.extend(all.into_iter().filter(|row| question.conditions.iter().all(|condition| meets(row, condition))));
    }
    rows
}

/// Whether making the day's rows is worth the trouble.
fn day_may_match(conditions: &[Condition], date: Date) -> bool {
    let text = date.to_string();
    conditions.iter().filter(|condition| condition.column == "business_date").all(|condition| holds(&text, condition))
}

fn meets(row: &Row, condition: &Condition) -> bool {
    match row.get(&condition.column) {
        Some(Value::String(text)) => holds(text, condition),
        Some(Value::Bool(value)) => compares(&condition.operator, value.to_string().cmp(&condition.value)),
        Some(Value::Number(number)) => match (number.as_f64(), condition.value.parse::<f64>()) {
            (Some(number), Ok(asked)) => compares(&condition.operator, number.total_cmp(&asked)),
            _ => false,
        },
        _ => false,
    }
}

/// Dates and times are written so that their order is that of their text.
fn holds(text: &str, condition: &Condition) -> bool {
    compares(&condition.operator, text.cmp(condition.value.as_str()))
}

fn compares(operator: &str, order: std::cmp::Ordering) -> bool {
    match operator {
        "eq" => order.is_eq(),
        "ne" => order.is_ne(),
        "ge" => order.is_ge(),
        "gt" => order.is_gt(),
        "le" => order.is_le(),
        _ => order.is_lt(),
    }
}

/// Percent-decoding, a plus as a space; what is no valid escape stays as it is.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |index: usize| bytes.get(index).and_then(|byte| (*byte as char).to_digit(16));
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while let Some(&byte) = bytes.get(index) {
        match (byte, digit(index + 1), digit(index + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                index += 3;
                continue;
            }
            (b'+', ..) => decoded.push(b' '),
            _ => decoded.push(byte),
        }
        index += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::zones;

    /// Two in the afternoon, so that tomorrow is out.
    const AFTERNOON: &str = "2026-11-22T13:00:00Z";

    fn ask(target: &str, now: &str) -> Answered {
        let zone = zones::zone("Europe/Warsaw").unwrap();
        let offer = Offer { market: Market::new(7, zone.clone()), zone, seed: 7 };
        answer(&offer, target, "http://127.0.0.1:9", now.parse().unwrap())
    }

    fn rows(answered: &Answered) -> usize {
        answered.1["value"].as_array().unwrap().len()
    }

    #[test]
    fn a_day_is_asked_for_plain_or_encoded() {
        let plain = "/api/csdac-pln?$filter=business_date eq '2026-11-22'&$orderby=dtime_utc asc&$first=20000";
        let encoded = "/api/csdac-pln?%24filter=business_date%20eq%20%272026-11-22%27&$orderby=dtime_utc+asc";
        for target in [plain, encoded] {
            let answered = ask(target, AFTERNOON);
            assert_eq!((answered.0, rows(&answered)), (200, 96), "{target}");
            assert_eq!(answered.1["value"][0]["dtime_utc"], "2026-11-21 23:15:00");
        }
    }

    #[test]
    fn tomorrow_is_empty_before_two() {
        let target = "/api/rce-pln?$filter=business_date eq '2026-11-23'";
        assert_eq!(ask(target, "2026-11-22T12:59:59Z"), (200, json!({"value": []})));
        assert_eq!(rows(&ask(target, AFTERNOON)), 96);
    }

    #[test]
    fn two_days_come_in_two_pages_and_links_lead_to_the_end() {
        let mut target =
            "/api/csdac-pln?$filter=business_date ge '2026-11-22' and business_date le '2026-11-23'".to_owned();
        let mut seen = Vec::new();
        for _ in 0..5 {
            let answered = ask(&target, AFTERNOON);
            seen.extend(answered.1["value"].as_array().unwrap().clone());
            match answered.1["nextLink"].as_str() {
                Some(link) => target = link.strip_prefix("http://127.0.0.1:9").unwrap().to_owned(),
                None => break,
            }
        }
        assert_eq!(seen.len(), 192);
        assert!(seen.windows(2).all(|pair| pair[0]["dtime_utc"].as_str() < pair[1]["dtime_utc"].as_str()));
        assert_eq!(rows(&ask(&format!("{target}&$first=20000&$after=0"), AFTERNOON)), 192);
    }

    #[test]
    fn what_the_real_one_refuses_is_refused() {
        for (target, status, words) in [
            ("/api/csdac-pln?$filter=doba eq '2026-11-22'", 400, "Could not find a property named 'doba'"),
            ("/api/csdac-pln?$filter=is_active eq true", 400, "'is_active'"),
            ("/api/csdac-pln?$top=5", 400, "$top"),
            ("/api/csdac-pln?business_date=2026-11-22", 400, "business_date"),
            ("/api/csdac-pln?$filter=business_date EQ '2026-11-22'", 400, "EQ"),
            ("/api/csdac-pln?$filter=business_date", 400, "Syntax"),
            ("/api/csdac-pln?$first=20001", 400, "$first"),
            ("/api/nothing", 404, "/api/nothing"),
        ] {
            let (got, body) = ask(target, AFTERNOON);
            assert_eq!(got, status, "{target}");
            assert!(body["error"]["message"].as_str().unwrap().contains(words), "{body}");
        }
    }

    #[test]
    fn odd_questions_get_no_rows() {
        for filter in ["business_date eq 'soon'", "business_date eq '2031-01-01'", "business_date gt '2030-01-01'"] {
            assert_eq!(ask(&format!("/api/csdac-pln?$filter={filter}"), AFTERNOON), (200, json!({"value": []})));
        }
        assert_eq!(decode("%zz+%2"), "%zz %2");
    }
}
