//! Amounts: texts or numbers, in the shop's currency and in the customer's.

use outpost_model::money::{Currency, Money, MoneyError};
use rust_decimal::{Decimal, RoundingStrategy};

use super::super::Unreadable;
use super::super::json::Node;
use super::super::text::Notes;

/// The largest amount that is believed, in minor units: ten thousand million units of most currencies.
pub const MINOR_MAX: i64 = 1_000_000_000_000;

/// The currency the shop sells in.
pub fn shop_currency(
    root: &Node<'_>,
    default: Option<Currency>,
    notes: &mut Notes,
) -> Result<Currency, Unreadable> {
    let shop_money = root.first(&["total_price_set", "current_total_price_set"]).get("shop_money");
    let stated = [root.get("currency"), shop_money.get("currency_code"), root.get("presentment_currency")]
        .into_iter()
        .find(|node| !node.is_empty());
    match (stated, default) {
        (Some(node), _) => currency(&node),
        (None, Some(default)) => {
            notes.remark(format!("The payload names no currency: {default} is taken, as set for the shop"));
            Ok(default)
        }
        (None, None) => {
            let sentence = "The order names no currency and the shop's settings have none either.";
            Err(Unreadable::new("currency_missing", root.get("currency").path(), sentence))
        }
    }
}

fn currency(node: &Node<'_>) -> Result<Currency, Unreadable> {
    let wrong = || {
        let sentence =
            format!("{} is not a currency: allowed are three letters of ISO 4217.", node.describe());
        Unreadable::new("currency_unreadable", node.path(), sentence)
    };
    node.text().ok_or_else(wrong)?.to_ascii_uppercase().parse().map_err(|_| wrong())
}

/// What the order costs now, all told; after edits and refunds that differs from what was first asked for.
pub fn total(root: &Node<'_>, currency: Currency, notes: &mut Notes) -> Result<Money, Unreadable> {
    for key in ["current_total_price", "total_price"] {
        let stated = match amount(&root.get(key), currency, notes)? {
            Some(money) => Some(money),
            None => set_amount(&root.get(&format!("{key}_set")), currency, notes)?,
        };
        if let Some(money) = stated {
            return Ok(money);
        }
    }
    notes.remark("The payload says no total: zero is written");
    Ok(Money { minor: 0, currency })
}

/// The price of one unit of a line: as the shop sold it and, where that differs, as the customer saw it.
pub fn prices(
    line: &Node<'_>,
    currency: Currency,
    notes: &mut Notes,
) -> Result<(Money, Option<Money>), Unreadable> {
    let set = line.get("price_set");
    let price = match amount(&line.get("price"), currency, notes)? {
        Some(money) => money,
        None => match set_amount(&set, currency, notes)? {
            Some(money) => money,
            None => {
                let sentence = "A line has no price: zero is written until somebody has looked at it";
                notes.find("price_missing", line.get("price").path(), sentence);
                Money { minor: 0, currency }
            }
        },
    };
    let shown = set.get("presentment_money");
    let presentment = if shown.get("amount").is_empty() || shown.get("currency_code").is_empty() {
        None
    } else {
        amount(&shown.get("amount"), self::currency(&shown.get("currency_code"))?, notes)?
    };
    Ok((price, presentment.filter(|shown| *shown != price)))
}

/// The shop's side of a `…_set`. Another currency than the order's would make sums meaningless.
fn set_amount(set: &Node<'_>, expected: Currency, notes: &mut Notes) -> Result<Option<Money>, Unreadable> {
    let money = set.get("shop_money");
    let code = money.get("currency_code");
    if !code.is_empty() && currency(&code)? != expected {
        let sentence = format!(
            "{} stands beside an order in {expected}; allowed is one shop currency.",
            code.describe()
        );
        return Err(Unreadable::new("currency_mixed", code.path(), sentence));
    }
    amount(&money.get("amount"), expected, notes)
}

/// An amount that is not negative; nothing where none stands.
pub fn amount(node: &Node<'_>, currency: Currency, notes: &mut Notes) -> Result<Option<Money>, Unreadable> {
    if node.is_empty() {
        return Ok(None);
    }
    let wrong = |code, allowed: &str| {
        let sentence = format!("{} is not an amount: allowed {allowed}.", node.describe());
        Unreadable::new(code, node.path(), sentence)
    };
    let unreadable = || wrong("money_unreadable", "are decimal numbers such as 224.97");
    let text = node.text().ok_or_else(unreadable)?;
    let money = match Money::parse(text, currency) {
        Ok(money) => money,
        Err(MoneyError::TooLarge(_)) => {
            return Err(wrong("money_too_large", "are amounts below ten thousand million"));
        }
        Err(_) => {
            let exact = node.decimal().ok_or_else(unreadable)?;
            rounded(exact, currency, notes).ok_or_else(unreadable)?
        }
    };
    if money.minor < 0 {
        return Err(wrong("money_negative", "are amounts from zero"));
    }
    if money.minor > MINOR_MAX {
        return Err(wrong("money_too_large", "are amounts below ten thousand million"));
    }
    Ok(Some(money))
}

/// More digits than the currency has come from tax arithmetic and from prices per gram.
fn rounded(exact: Decimal, currency: Currency, notes: &mut Notes) -> Option<Money> {
    let kept = exact.round_dp_with_strategy(currency.decimals(), RoundingStrategy::MidpointAwayFromZero);
    if kept != exact {
        notes.remark(format!("Amounts have more decimals than {currency} knows: rounded half up"));
    }
    Money::parse(&kept.to_string(), currency).ok()
}
