//! The order of the checks (DUIS 5.2): of two faults in one request the User hears of the one that is checked first.
use crate::common::house::*;
use crate::common::*;
use dcc::gateway::{Answer, Gateway};
use dcc::store::Store;
use dcc::{DccConfig, DeviceStatus, UserStatus};
use duis::{Body, CommandVariant, Request, RequestHeader, RequestId, Response, Service, SignerRole};
use gbcs::crypto::AwsLc;
use gbcs::{Counter, Eui64, Time};

const NOW: Time = Time::from_seconds(1_790_000_000);
/// A name that was used before the request came.
const USED: Counter = Counter(7);

/// A request, the world it comes to, and what its faults have touched.
struct Case {
    config: DccConfig,
    service: Service,
    request: Request,
    xml_key: u8,
    /// Cut off behind the header.
    is_cut: bool,
    touched: Vec<&'static str>,
}

impl Case {
    /// Nothing is wrong: the supplier has the electricity meter's balance read locally.
    fn sound() -> Self {
        let id = RequestId { originator: SUPPLIER, target: ESME, counter: Counter(8) };
        let body = Body::plain("ReadMeterBalance").unwrap();
        let request = Request::new(id, "4.18".parse().unwrap(), CommandVariant::Local, body);
        let (config, service) = (config_of_the_house(), Service::NonDevice);
        Self { config, service, request, xml_key: SUPPLIER_XML, is_cut: false, touched: Vec::new() }
    }

    fn code(self) -> String {
        // An elder request took the name.
        let id = RequestId { counter: USED, ..self.request.header.id };
        let elder = Request { header: RequestHeader { id, ..self.request.header }, ..self.request.clone() };
        let store = Store::open(None).unwrap();
        store.accept(&dcc::store::Acceptance::new(&elder, dcc::store::Stage::Request, NOW)).unwrap();
        let gateway = Gateway::new(self.config, store).unwrap();
        let mut xml = self.request.sign(&AwsLc, &xml_key(self.xml_key)).unwrap();
        if self.is_cut {
            let end = xml.find("</sr:Header>").unwrap();
            xml.truncate(end);
        }
        match gateway.handle(self.service, &xml, NOW) {
            Answer::Document(xml) => {
                let (certificate, dcc) = signer(DCC_XML, ACB, SignerRole::DspXmlSign);
                let found = Response::accept(&AwsLc, &xml, |c| (*c == certificate).then_some(dcc)).unwrap();
                found.code.as_str().to_owned()
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A fault: the check of DUIS 5.2 that finds it, its code, what it touches, and how it is made.
struct Fault {
    what: &'static str,
    code: &'static str,
    touches: &'static [&'static str],
    make: fn(&mut Case),
}

fn supplier(case: &mut Case) -> &mut dcc::User {
    case.config.users.iter_mut().find(|user| user.eui == SUPPLIER).unwrap()
}

fn device(case: &mut Case, eui: Eui64) -> &mut dcc::Device {
    case.config.inventory.iter_mut().find(|device| device.eui == eui).unwrap()
}

/// In the order of the checks.
const FAULTS: &[Fault] = &[
    Fault { what: "2: cut off", code: "E100", touches: &["text"], make: |case| case.is_cut = true },
    Fault { what: "3: signed by another", code: "E1", touches: &["key"], make: |case| case.xml_key = OTHER_XML },
    Fault {
        what: "3: the certificate is revoked",
        code: "E1",
        touches: &["certificate", "presence"],
        make: |case| supplier(case).xml_validity.is_revoked = true,
    },
    Fault {
        what: "3: the certificate has run out",
        code: "E1",
        touches: &["certificate", "presence"],
        make: |case| supplier(case).xml_validity.until = Some(Time(NOW.0 - 1)),
    },
    Fault {
        what: "3: the certificate is not good yet",
        code: "E1",
        touches: &["certificate", "presence"],
        make: |case| supplier(case).xml_validity.from = Some(Time(NOW.0 + 1)),
    },
    Fault {
        what: "4: no such user",
        code: "E1",
        touches: &["user", "presence"],
        make: |case| case.config.users.retain(|user| user.eui != SUPPLIER),
    },
    Fault {
        what: "5: a role that may not",
        code: "E2",
        touches: &["user", "roles"],
        make: |case| supplier(case).roles = vec![duis::Role::Rsa],
    },
    Fault {
        what: "6: suspended",
        code: "E3",
        touches: &["user"],
        make: |case| supplier(case).status = UserStatus::Suspended,
    },
    Fault {
        what: "7: the wrong URL",
        code: "E13",
        touches: &["service"],
        make: |case| case.service = Service::Transform,
    },
    Fault {
        what: "8: a variant for signed requests",
        code: "E12",
        touches: &["variant"],
        make: |case| case.request.header.variant = CommandVariant::LocalSigned,
    },
    Fault {
        what: "8: another service's body",
        code: "E12",
        touches: &["body"],
        make: |case| case.request.body = Body::plain("ReadSupplyStatus").unwrap(),
    },
    Fault {
        what: "9: no such device",
        code: "E19",
        touches: &["target"],
        make: |case| case.request.header.id.target = NEW_PPMID,
    },
    Fault {
        what: "10: another type of device",
        code: "E11",
        touches: &["target"],
        make: |case| case.request.header.id.target = CHF,
    },
    Fault {
        what: "11: a device of a status that takes nothing",
        code: "E5",
        touches: &["status"],
        make: |case| {
            device(case, ESME).status = DeviceStatus::Decommissioned;
            device(case, CHF).status = DeviceStatus::Decommissioned;
        },
    },
    Fault {
        what: "12: somebody else is responsible",
        code: "E4",
        touches: &["responsible"],
        make: |case| case.config.registrations = vec![registered(OTHER_SUPPLIER, Time(0))],
    },
    Fault {
        what: "13: not for local delivery",
        code: "E17",
        touches: &["status"],
        make: |case| device(case, ESME).status = DeviceStatus::Recovered,
    },
    Fault {
        what: "14: a name that was used",
        code: "E57",
        touches: &["counter"],
        make: |case| case.request.header.id.counter = USED,
    },
];

fn with(faults: &[&Fault]) -> Option<Case> {
    let mut case = Case::sound();
    for fault in faults {
        // What the other fault has made must stay as it is.
        if fault.touches.iter().any(|touched| case.touched.contains(touched)) {
            return None;
        }
        case.touched.extend(fault.touches);
        (fault.make)(&mut case);
    }
    Some(case)
}

#[test]
fn each_fault_has_its_code_and_of_two_the_earlier_is_told() {
    assert_eq!(Case::sound().code(), "I0");
    let mut pairs = 0;
    for (i, first) in FAULTS.iter().enumerate() {
        assert_eq!(with(&[first]).unwrap().code(), first.code, "{}", first.what);
        for second in &FAULTS[i + 1..] {
            let Some(case) = with(&[second, first]) else { continue };
            pairs += 1;
            assert_eq!(case.code(), first.code, "{}, and {}", first.what, second.what);
        }
    }
    assert!(pairs > 100, "{pairs} pairs");
}

#[test]
fn roles_are_responsible_each_for_its_own_part_of_a_home() {
    let house = House::new();
    let send = |user, target, srv, element| {
        house.code(&house.request(user, target, srv, CommandVariant::Send, Body::plain(element).unwrap()))
    };
    // The network operator reads what is its business, and gets no local copy.
    assert_eq!(send(OPERATOR, ESME, "7.4", "ReadSupplyStatus"), "I99");
    let local = house.request(OPERATOR, ESME, "7.4", CommandVariant::Local, Body::plain("ReadSupplyStatus").unwrap());
    assert_eq!(house.code(&local), "E17");
    assert_eq!(send(OTHER_SUPPLIER, CHF, "6.2.4", "ReadDeviceConfigurationIdentityExcMPxN"), "E4");
    assert_eq!(send(SUPPLIER, CHF, "6.2.4", "ReadDeviceConfigurationIdentityExcMPxN"), "I99");
    // Other Users ask with the customer's consent, and the broker in their stead.
    assert_eq!(send(SOMEBODY, ESME, "4.11.1", "ReadTariffPrimaryElement"), "I99");
    let last = last_unsent(&house.gateway.store, CHF).expect("a Command waits");
    let last = gbcs::MessageView::parse(&last).unwrap();
    assert_eq!(last.id().originator, ACB);
    assert_eq!(last.other_information().party(), Some(SOMEBODY));
}

#[test]
fn registration_counts_from_its_day_and_for_the_day_of_a_dated_request() {
    let mut config = config_of_the_house();
    let day = Time(NOW.0 + 86_400_000);
    config.registrations = vec![registered(SUPPLIER, Time(0)), registered(OTHER_SUPPLIER, day)];
    let house = House::with(config, None);
    let body = |execution| Body::Plain { element: "ReadMeterBalance", execution };
    let ask = |user, execution| house.code(&house.request(user, ESME, "4.18", CommandVariant::Send, body(execution)));
    use duis::Execution::{At, Immediate};
    assert_eq!(ask(SUPPLIER, Immediate), "I99");
    assert_eq!(ask(OTHER_SUPPLIER, Immediate), "E4");
    assert_eq!(ask(SUPPLIER, At(Time(day.0 - 1000))), "I99");
    assert_eq!(ask(SUPPLIER, At(day)), "E4");
    assert_eq!(ask(OTHER_SUPPLIER, At(day)), "E4", "not responsible today");
}
