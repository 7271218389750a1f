//! Names and addresses: personal data, kept out of everything that is logged or replicated as a document.

use outpost_model::header::Service;
use outpost_model::order::Contact;

use super::super::json::{Json, Node};
use super::super::text::{Notes, TEXT_CHARS_MAX, clean};
use super::country;

/// Who an order concerns.
#[derive(Default)]
pub struct People {
    /// Where the goods go, when somebody is to send them.
    pub destination: Option<Contact>,
    /// Who gets them.
    pub contact: Option<Contact>,
    /// Who is billed, when that is somebody or somewhere else.
    pub billing: Option<Contact>,
}

/// Reads who gets the order and who is billed.
pub fn people(root: &Node<'_>, service: Service, notes: &mut Notes) -> People {
    let customer = root.get("customer");
    let billing = address(&root.get("billing_address"));
    let reach = Reach::of(root, &customer);
    let destination = match address(&root.get("shipping_address")) {
        Some(shipping) => Some(shipping),
        None if service != Service::Ship => None,
        None => billing.clone().inspect(|_| {
            notes.remark("There is no shipping address: the billing address is taken");
        }),
    };
    let destination = destination.or_else(|| {
        let known =
            (service == Service::Ship).then(|| address(&customer.get("default_address"))).flatten()?;
        let sentence = "The order itself has no address: is the customer's stored one meant?";
        notes.find("address_assumed", "$.customer.default_address", sentence);
        Some(known)
    });

    let contact = match service {
        Service::Ship => destination.clone(),
        // A counter needs a name and a way to call; the rest of the address is none of its business. The shipping
        // address of a collection is often the store's own.
        Service::Pickup | Service::ShipToStore => {
            let named = |contact: &Contact| Contact { name: contact.name.clone(), ..Contact::default() };
            let own = customer_name(&customer).map(|name| Contact { name, ..Contact::default() });
            billing.as_ref().map(named).or(own).or_else(|| destination.as_ref().map(named))
        }
    };
    let contact = reach.complete(contact, &customer);
    let billing = billing.filter(|billing| {
        contact.as_ref().is_none_or(|contact| {
            let whole =
                |c: &Contact| (c.name.clone(), c.company.clone(), c.address.clone(), c.postal_code.clone());
            whole(contact) != whole(billing)
        })
    });
    People {
        destination: if service == Service::Ship {
            contact.clone().filter(|_| destination.is_some())
        } else {
            None
        },
        contact,
        billing,
    }
}

/// How the customer can be reached, whoever's address has it.
struct Reach {
    phone: Option<String>,
    email: Option<String>,
}

impl Reach {
    fn of(root: &Node<'_>, customer: &Node<'_>) -> Self {
        let text = |node: Node<'_>| node.text().map(|text| clean(text, TEXT_CHARS_MAX));
        let phones = [
            root.get("shipping_address").get("phone"),
            root.get("phone"),
            customer.get("phone"),
            root.get("billing_address").get("phone"),
        ];
        let emails = [root.get("email"), root.get("contact_email"), customer.get("email")];
        Self {
            phone: phones.into_iter().find_map(text),
            email: emails.into_iter().filter_map(text).find(|email| email.contains('@')),
        }
    }

    fn complete(self, contact: Option<Contact>, customer: &Node<'_>) -> Option<Contact> {
        let mut contact = contact.unwrap_or_default();
        if contact.name.is_empty() {
            contact.name = customer_name(customer).unwrap_or_default();
        }
        contact.phone = contact.phone.or(self.phone);
        contact.email = self.email;
        (contact != Contact::default()).then_some(contact)
    }
}

fn customer_name(customer: &Node<'_>) -> Option<String> {
    full_name(customer).or_else(|| full_name(&customer.get("default_address")))
}

fn full_name(node: &Node<'_>) -> Option<String> {
    let whole = node.get("name").text().map(|name| clean(name, TEXT_CHARS_MAX));
    let parts: Vec<&str> =
        ["first_name", "last_name"].iter().filter_map(|key| node.get(key).text()).collect();
    let joined = clean(&parts.join(" "), TEXT_CHARS_MAX);
    // Some senders fill `name` with nothing but the blank between two missing names.
    whole.filter(|name| !name.is_empty()).or(Some(joined).filter(|name| !name.is_empty()))
}

/// An address; nothing when it has neither a name nor a place.
fn address(node: &Node<'_>) -> Option<Contact> {
    if !matches!(node.json(), Json::Object(_)) {
        return None;
    }
    let text =
        |key: &str| node.get(key).text().map(|text| clean(text, TEXT_CHARS_MAX)).filter(|t| !t.is_empty());
    let contact = Contact {
        name: full_name(node).unwrap_or_default(),
        company: text("company"),
        address: ["address1", "address2", "address3"].iter().filter_map(|key| text(key)).collect(),
        city: text("city").unwrap_or_default(),
        region: text("province_code").or_else(|| text("province")),
        postal_code: text("zip").map(|zip| clean(&zip.to_uppercase(), 20)).unwrap_or_default(),
        country: country::code(text("country_code").as_deref(), text("country").as_deref())
            .unwrap_or_default(),
        phone: text("phone"),
        email: None,
    };
    (contact != Contact::default()).then_some(contact)
}
