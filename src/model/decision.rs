//! A decision of the coordinator: charge, wait or sell, with what it knew.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::base::units::Micro;

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Charge the battery.
    Charging,
    /// Do nothing yet.
    Wait,
    /// Sell from the battery.
    Selling,
}

const CHARGING_ACTIONS: [&str; 5] =
    ["charge", "charging", "start_pv_charging", "start_grid_charging", "start_hybrid_charging"];
const CHARGING_PHRASES: [&str; 5] =
    ["start charging", "charging from", "pv charging", "grid charging", "charging started"];

impl Kind {
    /// The kind of a decision by its words; `selling_file` where it lay in a file of selling decisions.
    pub fn of(action: Option<&str>, decision: Option<&str>, reason: &str, selling_file: bool) -> Self {
        const SELLING: Option<&str> = Some("battery_selling");
        if selling_file || action == SELLING || decision == SELLING {
            return Self::Selling;
        }
        if action == Some("wait") {
            return Self::Wait;
        }
        if action.is_some_and(|action| CHARGING_ACTIONS.contains(&action)) {
            return Self::Charging;
        }
        let reason = reason.to_lowercase();
        if CHARGING_PHRASES.iter().any(|phrase| reason.contains(phrase)) { Self::Charging } else { Self::Wait }
    }

    /// The action that stands for the kind where the row names none.
    pub fn default_action(self) -> &'static str {
        match self {
            Self::Charging => "charge",
            Self::Wait => "wait",
            Self::Selling => "battery_selling",
        }
    }
}

/// Keys of `parameters` that are numbers; each is lifted to the decision's top level.
pub const NUMERIC_KEYS: [&str; 12] = [
    "confidence",
    "current_price",
    "current_price_pln",
    "cheapest_price",
    "battery_soc",
    "pv_power",
    "consumption",
    "decision_score",
    "energy_kwh",
    "estimated_cost_pln",
    "estimated_savings_pln",
    "expected_revenue_pln",
];
/// Keys of `parameters` that are lifted as they are.
pub const OTHER_KEYS: [&str; 3] = ["should_charge", "cheapest_hour", "tariff_zone"];
/// Prices in which the coordinator writes 0 for "not known".
const ZERO_IS_UNKNOWN: [&str; 3] = ["current_price", "current_price_pln", "cheapest_price"];

/// One decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The database's row id; `None` where it came from a file.
    pub id: Option<i64>,
    /// When it was made.
    pub at: Timestamp,
    /// The same, as it stands on disk.
    pub timestamp: String,
    /// What was decided.
    pub kind: Kind,
    /// The coordinator's word for it.
    pub action: String,
    /// `charging`, or null for selling ones.
    pub decision_type: Option<String>,
    /// Why, in the coordinator's words; empty where it gave none.
    pub reason: String,
    /// The module that decided; today's coordinator never says.
    pub source_module: Option<String>,
    /// When the row was written, as it stands on disk (UTC).
    pub created_at: Option<String>,
    /// What the coordinator knew and expected, as it wrote it: a JSON object. Kept as text, since a week of parsed
    /// objects would be most of the program's memory.
    pub parameters: Box<str>,
    /// The values of [`NUMERIC_KEYS`].
    numbers: [Option<f64>; NUMERIC_KEYS.len()],
    /// The values of [`OTHER_KEYS`].
    others: [Value; OTHER_KEYS.len()],
    energy_sold_kwh: Option<f64>,
    charging_source: Option<Box<str>>,
}

/// A decision's columns as they stand in a row or a file, before anything is derived.
#[derive(Debug, Clone, Default)]
pub struct RawDecision {
    /// Row id.
    pub id: Option<i64>,
    /// As on disk.
    pub timestamp: String,
    /// As on disk.
    pub action: Option<String>,
    /// As on disk.
    pub decision_type: Option<String>,
    /// As on disk.
    pub reason: Option<String>,
    /// As on disk.
    pub source_module: Option<String>,
    /// As on disk.
    pub created_at: Option<String>,
    /// The parsed `parameters`, or the file's own keys.
    pub parameters: Map<String, Value>,
    /// Whether it lay in a file of selling decisions.
    pub selling_file: bool,
}

impl Decision {
    /// Derives kind, action and reason, and lifts the known parameters.
    pub fn new(at: Timestamp, raw: RawDecision) -> Self {
        let parameters = &raw.parameters;
        let text = |key: &str| parameters.get(key).and_then(Value::as_str).map(str::to_owned);
        let number = |key: &str| parameters.get(key).and_then(as_number);
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let action = filled(raw.action).or_else(|| filled(text("action")));
        let decision = text("decision");
        let reason =
            filled(raw.reason).or_else(|| filled(text("reason"))).or_else(|| text("reasoning")).unwrap_or_default();
        let kind = Kind::of(action.as_deref(), decision.as_deref(), &reason, raw.selling_file);
        let source = filled(text("charging_source")).or_else(|| filled(text("source")));
        Self {
            id: raw.id,
            at,
            timestamp: raw.timestamp,
            kind,
            action: action.unwrap_or_else(|| kind.default_action().to_owned()),
            decision_type: raw.decision_type,
            reason,
            source_module: raw.source_module,
            created_at: raw.created_at,
            numbers: NUMERIC_KEYS.map(number),
            others: OTHER_KEYS.map(|key| parameters.get(key).cloned().unwrap_or(Value::Null)),
            energy_sold_kwh: number("energy_sold_kwh"),
            charging_source: source.map(String::into_boxed_str),
            parameters: Value::Object(raw.parameters).to_string().into_boxed_str(),
        }
    }

    /// A numeric parameter as the coordinator wrote it.
    fn number(&self, key: &str) -> Option<f64> {
        NUMERIC_KEYS.iter().position(|known| *known == key).and_then(|index| self.numbers[index])
    }

    /// A lifted numeric key: a number, or `None` where it is not known.
    ///
    /// For selling decisions energy, cost and savings are those of the sale.
    pub fn lifted(&self, key: &str) -> Option<f64> {
        let value = match (self.kind, key) {
            (Kind::Selling, "energy_kwh") => self.energy_sold_kwh(),
            (Kind::Selling, "estimated_savings_pln") => self.revenue_pln(),
            (Kind::Selling, "estimated_cost_pln") => self.revenue_pln().map(|revenue| 0.0 - revenue),
            _ => self.number(key),
        };
        value.filter(|value| *value != 0.0 || !ZERO_IS_UNKNOWN.contains(&key))
    }

    /// Any numeric parameter, as the coordinator wrote it; read out of the text each time.
    pub fn parameter(&self, key: &str) -> Option<f64> {
        let parameters: Map<String, Value> = serde_json::from_str(&self.parameters).ok()?;
        parameters.get(key).and_then(as_number)
    }

    /// The keys that are lifted as they are, in the order of [`OTHER_KEYS`].
    pub fn others(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        OTHER_KEYS.into_iter().zip(&self.others)
    }

    /// 0..1, where the coordinator said it.
    pub fn confidence(&self) -> Option<f64> {
        self.number("confidence")
    }

    /// kWh sold, as estimated or measured by the seller.
    pub fn energy_sold_kwh(&self) -> Option<f64> {
        self.energy_sold_kwh.or_else(|| self.number("energy_kwh"))
    }

    /// PLN that selling brings.
    pub fn revenue_pln(&self) -> Option<f64> {
        self.number("expected_revenue_pln").or_else(|| self.number("estimated_savings_pln"))
    }

    /// An amount in millionths; what is not known counts nothing.
    pub fn amount(&self, key: &str) -> Micro {
        self.number(key).map_or(Micro::ZERO, Micro::from_f64)
    }

    /// Where the charging energy came from: `charging_source`, else `source`.
    pub fn charging_source(&self) -> Option<&str> {
        self.charging_source.as_deref()
    }

    /// Whether the energy counts to the off-peak zone; a missing zone counts as peak.
    pub fn is_off_peak(&self) -> bool {
        self.others().any(|(key, value)| key == "tariff_zone" && value == "T2")
    }
}

/// A JSON value as a finite number; text that is a number counts.
pub fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        for (action, decision, reason, file, kind) in [
            (Some("battery_selling"), None, "", false, Kind::Selling),
            (None, Some("battery_selling"), "", false, Kind::Selling),
            (Some("charge"), None, "", true, Kind::Selling),
            (Some("wait"), None, "Start charging later", false, Kind::Wait),
            (Some("charge"), None, "", false, Kind::Charging),
            (Some("charging"), None, "", false, Kind::Charging),
            (Some("start_pv_charging"), None, "", false, Kind::Charging),
            (Some("start_grid_charging"), None, "", false, Kind::Charging),
            (Some("start_hybrid_charging"), None, "", false, Kind::Charging),
            (Some("none"), None, "PV Charging is cheap", false, Kind::Charging),
            (None, None, "Charging STARTED", false, Kind::Charging),
            (None, None, "charging would be dear", false, Kind::Wait),
            (Some("something new"), None, "", false, Kind::Wait),
        ] {
            assert_eq!(Kind::of(action, decision, reason, file), kind, "{action:?} {decision:?} {reason:?} {file}");
        }
    }

    fn decision(action: Option<&str>, parameters: &str) -> Decision {
        Decision::new(
            Timestamp::UNIX_EPOCH,
            RawDecision {
                action: action.map(str::to_owned),
                parameters: serde_json::from_str(parameters).unwrap(),
                ..RawDecision::default()
            },
        )
    }

    #[test]
    fn selling_lifts_the_sales_figures() {
        let sale =
            decision(None, r#"{"decision": "battery_selling", "energy_sold_kwh": 2.5, "expected_revenue_pln": 1.75}"#);
        assert_eq!(sale.action, "battery_selling");
        assert_eq!(sale.lifted("energy_kwh"), Some(2.5));
        assert_eq!(sale.lifted("estimated_savings_pln"), Some(1.75));
        assert_eq!(sale.lifted("estimated_cost_pln"), Some(-1.75));
        let unknown = decision(Some("battery_selling"), "{}");
        assert_eq!(unknown.lifted("energy_kwh"), None);
        assert_eq!(unknown.lifted("estimated_cost_pln"), None);
    }

    #[test]
    fn a_price_of_zero_is_not_known_but_other_zeros_are() {
        let charge = decision(
            Some("charge"),
            r#"{"current_price": 0, "energy_kwh": 0, "confidence": "0.8", "pv_power": "Unknown"}"#,
        );
        assert_eq!(charge.lifted("current_price"), None);
        assert_eq!(charge.lifted("energy_kwh"), Some(0.0));
        assert_eq!(charge.lifted("confidence"), Some(0.8));
        assert_eq!(charge.lifted("pv_power"), None);
    }

    #[test]
    fn reasons() {
        assert_eq!(decision(None, r#"{"reasoning": "peak price"}"#).reason, "peak price");
        assert_eq!(decision(None, "{}").reason, "");
        assert_eq!(decision(None, "{}").action, "wait");
    }
}
