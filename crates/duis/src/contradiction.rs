//! What a request says against itself, and the schema cannot tell: names given twice or not at all, periods that run backwards, base64
//! that is something else than it must be (DUIS 10.7).
//!
//! The rest of that list is elsewhere: indices are unique by type ([`Table`](crate::xml::Table)), service, variant and body by
//! [`Request::check`], fuel against device type and what no Command can carry by [`transform`](crate::transform()), counters by
//! who keeps them.
use std::borrow::Cow;
use std::collections::BTreeSet;

use gbcs::asn1::CertificateDer;
use gbcs::{Cra, Form, MessageId, MessageView, Time};

use crate::body::auxiliary::{ControllerScheduler, SwitchScheduler};
use crate::body::calendar::{ElectricityNonDisablementCalendar, GasNonDisablementCalendar};
use crate::body::credentials::{KrpCertificates, PartyCertificates, PathCertificates};
use crate::body::dcc::{CreateSchedule, ScheduledRead};
use crate::body::han::LogRequest;
use crate::body::prepay::PrepayConfiguration;
use crate::body::tariff::{ElectricityTariff, GasTariff, Tariff, UpdateSecondaryTariff};
use crate::body::{Body, LocalCommandResponse};
use crate::xml::value::{Day, TimeOfDay};
use crate::{Request, catalogue};

/// Two parts of a request that cannot both be meant, or one that cannot be at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{element}: {what}")]
pub struct Contradiction {
    /// The element below the body, such as `SwitchingTable/WeekProfiles`.
    pub element: &'static str,
    /// What is wrong with it.
    pub what: Cow<'static, str>,
}

type Verdict = Result<(), Contradiction>;

fn no(element: &'static str, what: impl Into<Cow<'static, str>>) -> Verdict {
    Err(Contradiction { element, what: what.into() })
}

impl Request {
    /// Whether its body can be meant as it stands. Complements [`Request::check`], which looks at no value.
    pub fn check_values(&self) -> Result<(), Contradiction> {
        match &self.body {
            Body::UpdateTariff(update) => tariff(&update.tariff),
            Body::UpdateSecondaryTariff(update) => secondary_tariff(update),
            Body::UpdatePrepayConfiguration(update) => match &update.configuration {
                PrepayConfiguration::Electricity(e) => electricity_non_disablement(&e.calendar),
                PrepayConfiguration::Gas(g) => gas_non_disablement(&g.calendar),
            },
            Body::SwitchScheduler(scheduler) => switches(scheduler),
            Body::ControllerScheduler(scheduler) => controllers(scheduler),
            Body::UpdateKrpCredentials(b) => {
                krp_certificates(&b.replacements.certificates)?;
                path(&b.path)
            }
            Body::Handover(b) => party_certificates(&b.replacements).and_then(|()| path(&b.path)),
            Body::ChangeOfSupplier(b) => party_certificates(&b.replacements).and_then(|()| path(&b.path)),
            Body::OptOut(b) => {
                certificates(
                    "ReplacementCertificates",
                    b.replacements.signing.iter().chain([&b.replacements.agreement]),
                )?;
                path(&b.path)
            }
            Body::UpdateDeviceCertificate(b) => certificates("DeviceCertificate", [&b.certificate]),
            Body::ReadLog(read) => {
                certificates("KAPublicSecurityCredentials", &read.credentials)?;
                period("ReadLogPeriod", read.period.start, read.period.end)
            }
            Body::ReadEventLog(read) => period("ReadLogPeriod", read.period.start, read.period.end),
            Body::AuxiliaryState(b) | Body::LimitLevel(b) => period("EndDateTime", b.state.start, b.state.end),
            Body::CreateSchedule(schedule) => scheduled(schedule),
            Body::UpdateHanDeviceLog(b) => match (b.request, &b.add) {
                (LogRequest::Add, None) => no("AddDeviceToCHFWhitelist", "a device to add, but not how it joins"),
                (LogRequest::Remove, Some(_)) => {
                    no("AddDeviceToCHFWhitelist", "how a device joins that is to be removed")
                }
                _ => Ok(()),
            },
            Body::SignedPreCommand(signed) => signed_pre_command(self, &signed.payload),
            Body::ReturnLocalCommandResponse(returned) => returned_response(returned),
            _ => Ok(()),
        }
    }
}

const SWITCHING: [&str; 4] =
    ["SwitchingTable/DayProfiles", "SwitchingTable/WeekProfiles", "SwitchingTable/Seasons", "SpecialDays"];
const NON_DISABLEMENT: [&str; 4] = ["DayProfiles", "WeekProfiles", "SeasonProfiles", "SpecialDays"];

/// Calendars of both fuels and elements have the same parts under the same names, and types of their own.
macro_rules! calendar {
    ($elements:ident, $days:expr, $weeks:expr, $seasons:expr, $special_days:expr) => {
        calendar(
            $elements,
            $days.days.iter().map(|day| day.name.octet()),
            $weeks.weeks.iter().map(|week| (week.name.octet(), week.days.entries().map(|(_, day)| day.octet()))),
            $seasons.seasons.iter().map(|season| season.week.octet()),
            $special_days.days.iter().map(|special| special.day.octet()),
        )
    };
}

fn tariff(tariff: &Tariff) -> Verdict {
    match tariff {
        Tariff::Electricity(ElectricityTariff { switching: t, special_days, .. }) => {
            calendar!(SWITCHING, t.days, t.weeks, t.seasons, special_days)
        }
        Tariff::Gas(GasTariff { switching: t, special_days, .. }) => {
            calendar!(SWITCHING, t.days, t.weeks, t.seasons, special_days)
        }
    }
}

fn secondary_tariff(update: &UpdateSecondaryTariff) -> Verdict {
    let t = &update.switching;
    calendar!(SWITCHING, t.days, t.weeks, t.seasons, update.special_days)
}

fn gas_non_disablement(of: &GasNonDisablementCalendar) -> Verdict {
    calendar!(NON_DISABLEMENT, of.days, of.weeks, of.seasons, of.special_days)
}

/// Every name once; every name that is referred to there. `elements` are day profiles, weeks, seasons, special days.
fn calendar<D: Iterator<Item = u8>>(
    elements: [&'static str; 4],
    days: impl Iterator<Item = u8>,
    weeks: impl Iterator<Item = (u8, D)>,
    seasons: impl Iterator<Item = u8>,
    special_days: impl Iterator<Item = u8>,
) -> Verdict {
    let mut day_names = BTreeSet::new();
    for day in days {
        if !day_names.insert(day) {
            return no(elements[0], format!("day profile {day} is given twice"));
        }
    }
    let known = |element, day: u8| match day_names.contains(&day) {
        true => Ok(()),
        false => no(element, format!("day profile {day} is named and not given")),
    };
    let mut week_names = BTreeSet::new();
    for (week, mut days) in weeks {
        if !week_names.insert(week) {
            return no(elements[1], format!("week profile {week} is given twice"));
        }
        days.try_for_each(|day| known(elements[1], day))?;
    }
    for week in seasons {
        if !week_names.contains(&week) {
            return no(elements[2], format!("week profile {week} is named and not given"));
        }
    }
    { special_days }.try_for_each(|day| known(elements[3], day))
}

fn electricity_non_disablement(of: &ElectricityNonDisablementCalendar) -> Verdict {
    const SCHEDULE: &str = "ElectricityNonDisablementSchedule";
    for entry in of.schedule.iter() {
        for special in entry.special_days.days.iter() {
            if of.special_days.days.at(special.day.octet()).is_none() {
                return no(SCHEDULE, format!("special day {} is named and not given", special.day.get()));
            }
        }
        let mut weekdays = BTreeSet::new();
        if let Some(twice) = entry.days_of_week.days.iter().find(|d| !weekdays.insert(d.day)) {
            return no(SCHEDULE, format!("{} is named twice", twice.day));
        }
    }
    Ok(())
}

fn switches(scheduler: &SwitchScheduler) -> Verdict {
    let given = &scheduler.special_days.days;
    let named = scheduler.schedule.iter().flat_map(|entry| entry.special_days.entries());
    special_days("ALCSHCALCSConnectionSchedule", named.map(|(n, ())| n), |n| given.at(n).is_some())
}

fn controllers(scheduler: &ControllerScheduler) -> Verdict {
    let given = &scheduler.special_days.days;
    let named = scheduler.schedule.iter().flat_map(|entry| entry.special_days.entries());
    special_days("AuxiliaryControllerSchedule", named.map(|(n, ())| n), |n| given.at(n).is_some())
}

fn special_days(element: &'static str, mut named: impl Iterator<Item = u8>, given: impl Fn(u8) -> bool) -> Verdict {
    match named.find(|n| !given(*n)) {
        Some(n) => no(element, format!("special day {n} is named and not given")),
        None => Ok(()),
    }
}

fn period(element: &'static str, start: Time, end: Time) -> Verdict {
    if end < start { no(element, "ends before it starts") } else { Ok(()) }
}

fn scheduled(schedule: &CreateSchedule) -> Verdict {
    let CreateSchedule { start, end, reference, srv, read, .. } = schedule;
    let day = |day: &Day| (day.year, day.month, day.day);
    if end.as_ref().is_some_and(|end| day(end) < day(start)) {
        return no("ScheduleEndDate", "before the start date");
    }
    let entry = srv.as_str().parse().ok().and_then(catalogue::by_srv);
    let Some(entry) = entry.filter(|entry| entry.srv.reference().to_string() == reference.as_str()) else {
        return no("DSPScheduledServiceReferenceVariant", format!("{srv} is no variant of {reference}"));
    };
    if read.element().strip_prefix("DSP") != Some(entry.body) {
        return no("DSPScheduledServiceReferenceVariant", format!("{srv} is not the service of {}", read.element()));
    }
    use ScheduledRead as R;
    match read {
        R::ImportDailyReadLog(p)
        | R::ExportDailyReadLog(p)
        | R::ActiveImportProfile(p)
        | R::ReactiveImportProfile(p)
        | R::ExportProfile(p)
        | R::NetworkData(p)
        | R::PrepaymentDailyReadLog(p)
        | R::DailyConsumptionLog(p) => {
            let at = |time: &TimeOfDay| (time.hour, time.minute, time.second, time.hundredths);
            let days_back = p.end_days.days().cmp(&p.start_days.days());
            if days_back.then(at(&p.start_time).cmp(&at(&p.end_time))).is_gt() {
                return no("EndDateOffset", "ends before it starts");
            }
        }
        R::MaximumDemandImport
        | R::MaximumDemandExport
        | R::LoadLimit
        | R::ActivePowerImport
        | R::RecordNetworkData
        | R::ExportRegisters => {}
    }
    certificates("KAPublicSecurityCredential", &schedule.credentials)
}

fn krp_certificates(of: &KrpCertificates) -> Verdict {
    let given: Vec<_> = [&of.signing, &of.agreement, &of.top_up].into_iter().flatten().collect();
    if given.is_empty() {
        return no("ReplacementCertificates", "no certificate at all");
    }
    certificates("ReplacementCertificates", given)
}

fn party_certificates(of: &PartyCertificates) -> Verdict {
    certificates(
        "ReplacementCertificates",
        [Some(&of.signing), of.agreement.as_ref(), of.top_up.as_ref()].into_iter().flatten(),
    )
}

fn path(of: &PathCertificates) -> Verdict {
    certificates("CertificationPathCertificates", of.certificates.iter())
}

fn certificates<'c>(element: &'static str, given: impl IntoIterator<Item = &'c Vec<u8>>) -> Verdict {
    for octets in given {
        if let Err(error) = CertificateDer::new(octets.as_slice()) {
            return no(element, format!("not a certificate: {error}"));
        }
    }
    Ok(())
}

/// A Command with the User's signature, under the name of the request and a code of its service (DUIS 5.2).
fn signed_pre_command(request: &Request, octets: &[u8]) -> Verdict {
    const PAYLOAD: &str = "GBCSPayload";
    let view = gbcs_message(PAYLOAD, octets)?;
    if view.form() != Form::Signed {
        return no(PAYLOAD, format!("the message is {:?}, not signed", view.form()));
    }
    let expected = request.header.id.command();
    if view.id() != expected {
        return no(PAYLOAD, format!("the message is {}, the request asks for {expected}", view.id()));
    }
    match catalogue::by_srv(request.header.srv) {
        Some(entry) if !entry.has_code(view.message_code()) => {
            no(PAYLOAD, format!("message code {} is none of {}", view.message_code(), entry.srv))
        }
        _ => Ok(()),
    }
}

/// A device's answer, to the request named if one is.
fn returned_response(returned: &LocalCommandResponse) -> Verdict {
    const RESPONSE: &str = "DeviceGBCSResponse";
    let view = gbcs_message(RESPONSE, &returned.response)?;
    if view.cra() != Cra::Response {
        return no(RESPONSE, format!("the message is a {:?}, not a Response", view.cra()));
    }
    let MessageId { originator, target, counter, .. } = view.id();
    // What the broker asked in its own name has its own name and counter: only the device can be compared.
    match returned.original {
        Some(original) if original.target != originator => {
            no(RESPONSE, format!("an answer of {originator}, the original request was for {}", original.target))
        }
        Some(original) if original.originator == target && original.counter != counter => {
            no(RESPONSE, format!("an answer to counter {counter}, the original request has {}", original.counter))
        }
        _ => Ok(()),
    }
}

fn gbcs_message<'m>(element: &'static str, octets: &'m [u8]) -> Result<MessageView<'m>, Contradiction> {
    MessageView::parse(octets)
        .map_err(|error| Contradiction { element, what: format!("no GBCS message: {error}").into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Document;
    use crate::{CommandVariant, RequestId};
    use gbcs::crypto::{Crypto, RustCrypto};
    use gbcs::protect;

    const ID: &str = "90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:1000";

    /// A request of `srv` whose body is this text.
    fn request(srv: &str, body: &str) -> Request {
        let entry = catalogue::by_srv(srv.parse().unwrap()).unwrap();
        let plain = Body::plain("EnableSupply").unwrap();
        let text = Request::new(ID.parse().unwrap(), entry.srv, entry.variants[0], plain).to_xml();
        let text = text.replace("<sr:EnableSupply/>", body);
        Request::parse(&Document::parse(&text).unwrap()).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    fn elements<const N: usize>(name: &str, contents: [String; N]) -> String {
        contents.map(|content| format!("<sr:{name}>{content}</sr:{name}>")).concat()
    }

    const DATE: &str = "<sr:GasYearWithWildcards><sr:NonSpecifiedYear/></sr:GasYearWithWildcards><sr:GasMonthWithWildcards>\
        <sr:SpecifiedMonth>1</sr:SpecifiedMonth></sr:GasMonthWithWildcards><sr:GasDayOfMonthWithWildcards><sr:SpecifiedDayOfMonth>1\
        </sr:SpecifiedDayOfMonth></sr:GasDayOfMonthWithWildcards><sr:GasDayOfWeekWithWildcards><sr:NonSpecifiedDayOfWeek/>\
        </sr:GasDayOfWeekWithWildcards>";

    /// A gas tariff: names of its two days and two weeks, the day of every week, the week of its season, its special day's.
    fn gas_tariff(days: [u8; 2], weeks: [u8; 2], day: u8, week: u8, special: u8) -> String {
        let days = days.map(|n| format!("<sr:DayName>{n}</sr:DayName><sr:TOUTariffAction>1</sr:TOUTariffAction>"));
        let named = (1..=7).map(|i| format!("<sr:ReferencedDayName index=\"{i}\">{day}</sr:ReferencedDayName>"));
        let named: String = named.collect();
        let weeks = weeks.map(|n| format!("<sr:WeekName>{n}</sr:WeekName>{named}"));
        let season = format!(
            "<sr:SeasonStartDate>{DATE}</sr:SeasonStartDate><sr:ReferencedWeekName>{week}</sr:ReferencedWeekName>"
        );
        let special = format!("<sr:Date>{DATE}</sr:Date><sr:ReferencedDayName>{special}</sr:ReferencedDayName>");
        format!(
            "<sr:UpdateImportTariffPrimaryElement><sr:GasTariffElements><sr:SwitchingTable><sr:DayProfiles>{}</sr:DayProfiles>\
             <sr:WeekProfiles>{}</sr:WeekProfiles><sr:Seasons>{}</sr:Seasons></sr:SwitchingTable><sr:SpecialDays>{}</sr:SpecialDays>\
             <sr:ThresholdMatrix><sr:BlockThreshold index=\"1\">1</sr:BlockThreshold></sr:ThresholdMatrix></sr:GasTariffElements>\
             <sr:PriceElements><sr:GasPriceElements><sr:CurrencyUnits>GBP</sr:CurrencyUnits><sr:StandingCharge>1</sr:StandingCharge>\
             <sr:TOUTariff><sr:TOUPrice index=\"1\">1</sr:TOUPrice></sr:TOUTariff></sr:GasPriceElements></sr:PriceElements>\
             </sr:UpdateImportTariffPrimaryElement>",
            elements("DayProfile", days),
            elements("WeekProfile", weeks),
            elements("Season", [season]),
            elements("SpecialDay", [special])
        )
    }

    fn told(request: &Request) -> (&'static str, String) {
        let Contradiction { element, what } = request.check_values().unwrap_err();
        (element, what.into_owned())
    }

    #[test]
    fn every_name_of_a_calendar_stands_once_and_every_name_used_is_there() {
        let of = |days, weeks, day, week, special| request("1.1.1", &gas_tariff(days, weeks, day, week, special));
        assert_eq!(of([1, 2], [1, 2], 1, 2, 2).check_values(), Ok(()));
        let cases = [
            (of([1, 1], [1, 2], 1, 1, 1), "SwitchingTable/DayProfiles", "day profile 1 is given twice"),
            (of([1, 2], [2, 2], 1, 2, 1), "SwitchingTable/WeekProfiles", "week profile 2 is given twice"),
            (of([1, 2], [1, 2], 3, 1, 1), "SwitchingTable/WeekProfiles", "day profile 3 is named and not given"),
            (of([1, 2], [1, 2], 1, 1, 4), "SpecialDays", "day profile 4 is named and not given"),
        ];
        for (request, element, what) in cases {
            assert_eq!(told(&request), (element, what.to_owned()));
        }
        let text = gas_tariff([1, 2], [1, 2], 1, 2, 2);
        let (_, second) = text.split_once("<sr:WeekProfile>").unwrap().1.split_once("<sr:WeekProfile>").unwrap();
        let (second, _) = second.split_once("</sr:WeekProfile>").unwrap();
        let without = text.replace(&format!("<sr:WeekProfile>{second}</sr:WeekProfile>"), "");
        let unknown = (SWITCHING[2], "week profile 2 is named and not given".to_owned());
        assert_eq!(told(&request("1.1.1", &without)), unknown);
    }

    #[test]
    fn no_period_ends_before_it_starts() {
        let (early, late) = ("2030-01-01T00:00:00Z", "2030-01-02T00:00:00Z");
        let read = |start: &str, end: &str| {
            let period = format!("<sr:StartDateTime>{start}</sr:StartDateTime><sr:EndDateTime>{end}</sr:EndDateTime>");
            let body = |name| format!("<sr:{name}><sr:ReadLogPeriod>{period}</sr:ReadLogPeriod></sr:{name}>");
            request("4.6.1", &body("RetrieveImportDailyReadLog"))
        };
        assert_eq!(read(early, late).check_values(), Ok(()));
        assert_eq!(read(early, early).check_values(), Ok(()));
        assert_eq!(told(&read(late, early)).0, "ReadLogPeriod");
    }

    fn schedule(dates: (&str, &str), srv: &str, read: &str, offsets: (i16, i16)) -> Request {
        let (start, end) = dates;
        let reference = srv.rsplit_once('.').filter(|(rest, _)| rest.contains('.')).map_or(srv, |(rest, _)| rest);
        let (from, to) = offsets;
        request(
            "5.1",
            &format!(
                "<sr:CreateSchedule><sr:ScheduleFrequency>Daily</sr:ScheduleFrequency><sr:ScheduleStartDate>{start}</sr:ScheduleStartDate>\
                 <sr:ScheduleEndDate>{end}</sr:ScheduleEndDate><sr:DSPScheduledServiceReference>{reference}</sr:DSPScheduledServiceReference>\
                 <sr:DSPScheduledServiceReferenceVariant>{srv}</sr:DSPScheduledServiceReferenceVariant>\
                 <sr:DeviceID>00-DB-12-34-56-78-90-A0</sr:DeviceID><sr:{read}><sr:StartDateOffset>{from}</sr:StartDateOffset>\
                 <sr:StartTime>00:00:00Z</sr:StartTime><sr:EndDateOffset>{to}</sr:EndDateOffset><sr:EndTime>00:00:00Z</sr:EndTime>\
                 </sr:{read}></sr:CreateSchedule>"
            ),
        )
    }

    #[test]
    fn a_schedule_reads_what_its_service_reads_from_a_past_to_a_later_past() {
        let dates = ("2030-01-01", "2030-12-31");
        let log = "DSPRetrieveImportDailyReadLog";
        assert_eq!(schedule(dates, "4.6.1", log, (-1, 0)).check_values(), Ok(()));
        assert_eq!(told(&schedule((dates.1, dates.0), "4.6.1", log, (-1, 0))).0, "ScheduleEndDate");
        assert_eq!(told(&schedule(dates, "4.6.1", log, (0, -1))).0, "EndDateOffset");
        let (element, what) = told(&schedule(dates, "4.6.2", log, (-1, 0)));
        assert_eq!(element, "DSPScheduledServiceReferenceVariant");
        assert_eq!(what, "4.6.2 is not the service of DSPRetrieveImportDailyReadLog");
        let mut other = schedule(dates, "4.6.1", log, (-1, 0));
        let Body::CreateSchedule(schedule) = &mut other.body else { panic!() };
        schedule.reference = crate::body::dcc::ScheduledReference::S4_8;
        assert_eq!(told(&other).1, "4.6.1 is no variant of 4.8");
    }

    #[test]
    fn base64_holds_the_kind_of_thing_it_must_hold() {
        let certificate = "<sr:UpdateSecurityCredentialsDevice><sr:DeviceCertificate>AAAA</sr:DeviceCertificate></sr:UpdateSecurityCredentialsDevice>";
        assert_eq!(told(&request("6.15.2", certificate)).0, "DeviceCertificate");
        let none = "<sr:UpdateSecurityCredentialsKRP><sr:RemotePartyRole>Supplier</sr:RemotePartyRole><sr:ReplacementCertificates>\
            <sr:SupplierOrNetworkOperatorCertificates/></sr:ReplacementCertificates><sr:CertificationPathCertificates>\
            <sr:Certificate>AAAA</sr:Certificate></sr:CertificationPathCertificates><sr:ApplyTimeBasedCPVChecks>true\
            </sr:ApplyTimeBasedCPVChecks></sr:UpdateSecurityCredentialsKRP>";
        assert_eq!(told(&request("6.15.1", none)).1, "no certificate at all");
    }

    #[test]
    fn a_signed_pre_command_is_that_of_its_request() {
        let id: RequestId = ID.parse().unwrap();
        let spc = |srv: &str, octets: &[u8]| {
            let signed =
                crate::body::SignedPreCommand { execution: crate::Execution::Immediate, payload: octets.to_vec() };
            Request::new(id, srv.parse().unwrap(), CommandVariant::LocalSigned, Body::SignedPreCommand(signed))
        };
        let plain = "DF090100000000000003E80890B3D51F300100000800DB1234567890A00002002014D9200003E800010300700000130A01FF03010F00";
        let plain = hex::decode(plain);
        let key = RustCrypto.private_key(&[7; 32]).unwrap();
        let signed = protect::sign(&RustCrypto, &key, &plain).unwrap();
        assert_eq!(spc("2.5", &signed).check_values(), Ok(()));
        assert_eq!(told(&spc("2.5", &plain)).1, "the message is Plain, not signed");
        assert_eq!(told(&spc("7.1", &signed)).1, "message code 0x0020 is none of 7.1");
        assert!(told(&spc("2.5", &[1, 2, 3])).1.starts_with("no GBCS message"));
        let mut other = spc("2.5", &signed);
        other.header.id.counter.0 += 1;
        assert!(told(&other).1.contains("the request asks for"));
    }

    #[test]
    fn what_is_returned_is_an_answer_of_the_device_that_was_asked() {
        let answer = "DF090200000000000003E80800DB1234567890A00890B3D51F30010000000200200CDA200003E80000010001030040811876337CEFD22994808A9A\
            0669D81C1869A7DC3346960AD41CAF1E98A89C679D29DFAF3FBC8DD06816FC212BA993554312F6DD76D3EF2FCE355ED3CBD25A74";
        let answer = hex::decode(answer);
        let returned = |original: Option<&str>, response: &[u8]| {
            let original = original.map(|id| id.parse().unwrap());
            let body = LocalCommandResponse { original, response: response.to_vec() };
            let srv = "8.13".parse().unwrap();
            Request::new(ID.parse().unwrap(), srv, CommandVariant::NonDevice, Body::ReturnLocalCommandResponse(body))
        };
        assert_eq!(returned(Some(ID), &answer).check_values(), Ok(()));
        assert_eq!(returned(None, &answer).check_values(), Ok(()));
        assert!(
            told(&returned(Some(&ID.replace("90-A0", "90-A1")), &answer)).1.contains("the original request was for")
        );
        assert_eq!(
            told(&returned(Some(&ID.replace(":1000", ":1001")), &answer)).1,
            "an answer to counter 1000, the original request has 1001"
        );
        let mut command = answer;
        command[2] = 1;
        assert_eq!(told(&returned(None, &command)).1, "the message is a Command, not a Response");
    }

    #[test]
    fn special_days_that_a_schedule_names_are_given() {
        let mut draw = crate::xml::sample::Draw::new(0);
        let entry = catalogue::by_body("UpdateDeviceConfigurationALCScheduler").unwrap();
        let verdicts: Vec<_> = (0..60)
            .map(|_| Request::new(ID.parse().unwrap(), entry.srv, entry.variants[0], Body::sample(entry, &mut draw)))
            .map(|request| {
                let Body::SwitchScheduler(s) = &request.body else { panic!() };
                let given: BTreeSet<_> = s.special_days.days.entries().map(|(n, _)| n).collect();
                let all = s.schedule.iter().flat_map(|e| e.special_days.entries()).all(|(n, _)| given.contains(&n));
                assert_eq!(request.check_values().is_ok(), all);
                all
            })
            .collect();
        assert!(verdicts.contains(&true) && verdicts.contains(&false));
    }

    mod hex {
        pub fn decode(text: &str) -> Vec<u8> {
            let digits: Vec<_> =
                text.bytes().filter(u8::is_ascii_hexdigit).map(|b| (b as char).to_digit(16).unwrap()).collect();
            digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
        }
    }
}
