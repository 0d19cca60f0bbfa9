//! What elements hold, by messages of our own.
use duis::mmc::{Context, MmcError, mmc};
use gbcs::asn1;
use gbcs::dlms::{Choice, Data, DateTime};
use gbcs::envelope::{GroupingHeader, OtherInformation, Supplementary};
use gbcs::gbz::zcl::{
    AttributeRecord, AttributeValue, Body, Command, EventConfiguration, GetSampledDataResponse, PublishSnapshot,
    Status, U24, U48,
};
use gbcs::gbz::{Alert, AlertData, Component, Content};
use gbcs::verify::Plain;
use gbcs::{Counter, Cra, Message, MessageCode, MessageId, Payload, Time};

use super::made::{COUNTER, DEVICE, USER, alert, answers, component, components, failed, got, message, opened, part};

/// The document of a message that holds nothing encrypted.
fn document(octets: &[u8]) -> String {
    mmc(octets, &Context::default()).unwrap().xml
}

fn holds(xml: &str, parts: &[&str]) {
    for part in parts {
        let part = part.replace("</", "</ra:").replace('<', "<ra:").replace("<ra:/ra:", "</ra:");
        assert!(xml.contains(&part), "no {part} in\n{xml}");
    }
}

#[test]
fn the_header_says_who_whom_what_and_when() {
    let id = MessageId { originator: DEVICE, target: USER, cra: Cra::Response, counter: COUNTER };
    let supplementary = Supplementary::Response(DEVICE, Counter(5), Counter(6));
    let date_time = DateTime::at(Time::from_zigbee(473_385_600)).with_status(0x06).0;
    let header = GroupingHeader {
        date_time: Some(date_time),
        other: OtherInformation { code: MessageCode(0x0075), supplementary },
        ..GroupingHeader::new(id, MessageCode(0x0075))
    };
    let failed = component(0, 0x0705, 0x08, 0x0B, Body::DefaultResponse { command: 0xFF, status: Status::FAILURE });
    let payload = Payload::Gbz(gbcs::gbz::Payload::new([failed])).encode();
    let xml = document(&Message::plain(header, payload).encode());
    holds(
        &xml,
        &[
            "<BusinessOriginatorID>00-01-02-03-04-05-06-07</BusinessOriginatorID><BusinessTargetID>08-09-0A-0B-0C-0D-0E-0F</BusinessTargetID><OriginatorCounter>77</OriginatorCounter>",
            "<SupplementaryRemotePartyCounter>5</SupplementaryRemotePartyCounter><SupplementaryOriginatorCounter>6</SupplementaryOriginatorCounter>",
            "<GBCSHexadecimalMessageCode>0075</GBCSHexadecimalMessageCode><ServiceReference>4.3</ServiceReference><ServiceReferenceVariant>4.3</ServiceReferenceVariant>",
            r#"<Timestamp isFromGSME="true" ClockStatus="unreliable">2015-01-01T00:00:00Z</Timestamp>"#,
            r#"<ReadInstantaneousPrepayValuesRsp MessageSuccess="false"/>"#,
        ],
    );
}

#[test]
fn an_update_that_failed_says_which_row_and_why() {
    // ECS02: payment mode, pairs, activation time.
    let done = || failed(Choice::Set, 0);
    let xml = document(&answers(0x001A, [done(), failed(Choice::Set, 3), failed(Choice::Set, 250)]));
    holds(
        &xml,
        &[
            r#"<UpdatePaymentModeRsp MessageSuccess="false"/>"#,
            r#"<COSEMResponse ResponseCode="0" Position="1"><DataAccessResult>success</DataAccessResult>"#,
            r#"<COSEMResponse ResponseCode="3" Position="2"><DataAccessResult>read-write-denied</DataAccessResult>"#,
            r#"<COSEMResponse ResponseCode="250" Position="3"><DataAccessResult>other-reason</DataAccessResult>"#,
        ],
    );
    let xml = document(&answers(0x001A, [done(), done(), done()]));
    holds(&xml, &[r#"<UpdatePaymentModeRsp MessageSuccess="true"/></SMETSData></ResponseMessage>"#]);
}

#[test]
fn what_nobody_opens_stands_in_gbcs_data_and_what_is_opened_in_its_elements() {
    let blob = Data::octets([0x31, 0, 0, 0, 0, 0xAB]);
    let layer = Data::structure([Data::Enum(2), Data::structure([])]);
    let sealed = got(Data::structure([Data::array([layer]), blob]));
    let sealed = gbcs::dlms::Answer { choice: Choice::Action, ..sealed };
    let octets = answers(0x002D, [sealed]);
    holds(
        &document(&octets),
        &[
            r#"<GBCSData format="encrypted" sequence="0" name="prepayment_registers_read.get_protected_attributes" type="dlms">MQAAAACr</GBCSData>"#,
        ],
    );
    let balances = [250_000, -5, 3, 4, 5, 6].map(Data::DoubleLong);
    let made = opened(&octets, &[part(0, Plain::Dlms(Data::structure([Data::structure(balances)])))]);
    assert_eq!((made.typed, made.pieces, made.srv), (true, 0, "4.3".parse().ok()));
    holds(
        &made.xml,
        &[
            r#"<ReadInstantaneousPrepayValuesRsp MessageSuccess="true"><EmergencyCreditBalance>-5</EmergencyCreditBalance><AccumulatedDebtRegister>3</AccumulatedDebtRegister><PaymentDebtRegister>6</PaymentDebtRegister><TimeDebtRegister1>4</TimeDebtRegister1><TimeDebtRegister2>5</TimeDebtRegister2><MeterBalance>250000</MeterBalance></ReadInstantaneousPrepayValuesRsp>"#,
        ],
    );
}

#[test]
fn gas_is_counted_in_cubic_metres_and_its_samples_have_times() {
    let record = |id, value| AttributeRecord { id, value: Ok(value) };
    let records = vec![
        record(0x0302, AttributeValue::Unsigned24(1000u16.into())),
        record(0x0301, AttributeValue::Unsigned24(2u16.into())),
        record(0x0300, AttributeValue::Enum8(1)),
        record(0x0000, AttributeValue::Unsigned48(12_345u32.into())),
    ];
    let body = Body::ReadAttributesResponse(records);
    let made =
        opened(&components(0x0074, [component(0, 0x0702, 0x18, 0x01, body.clone())]), &[part(0, Plain::Zcl(body))]);
    holds(&made.xml, &["<Gas><ConsumptionRegister><Value>24.690</Value><Unit>m3</Unit></ConsumptionRegister></Gas>"]);
    let sampled = |interval| {
        let samples = vec![U24::new(5).unwrap(), U24::new(0xFF_FFFF).unwrap(), U24::new(1_000).unwrap()];
        let start = 473_385_600;
        let response = GetSampledDataResponse { sample: 1, start, kind: 0, interval, count: 3, samples };
        Body::Cluster(Command::GetSampledDataResponse(response))
    };
    let profile = document(&components(0x0078, [component(0, 0x0702, 0x19, 0x07, sampled(1800))]));
    holds(
        &profile,
        &[
            "<LogEntry><Timestamp>2015-01-01T00:00:00Z</Timestamp><Gas><PrimaryValue>0.005</PrimaryValue></Gas></LogEntry>",
            "<LogEntry><Timestamp>2015-01-01T00:30:00Z</Timestamp></LogEntry>",
            "<LogEntry><Timestamp>2015-01-01T01:00:00Z</Timestamp><Gas><PrimaryValue>1.000</PrimaryValue></Gas></LogEntry>",
        ],
    );
    let daily = document(&components(0x00A0, [component(0, 0x0702, 0x19, 0x07, sampled(0xFFFF))]));
    holds(&daily, &["<LogEntry><Value>1.000</Value><Timestamp>2015-01-03T00:00:00Z</Timestamp></LogEntry>"]);
}

#[test]
fn a_log_with_nothing_in_the_time_asked_for_is_a_success_and_empty() {
    let none = Body::DefaultResponse { command: 0x08, status: Status::NOT_FOUND };
    let xml = document(&components(0x00C5, [component(0, 0x0705, 0x08, 0x0B, none)]));
    holds(
        &xml,
        &[r#"<RetrieveBillingDataLogPrepaymentCreditsRsp MessageSuccess="true"/></SMETSData></ResponseMessage>"#],
    );
}

#[test]
fn what_a_meter_does_of_events_is_told_by_their_codes() {
    let events = vec![EventConfiguration { id: 0x810E, configuration: 0x48 }];
    let report = Command::ReportEventConfiguration(gbcs::gbz::zcl::ReportEventConfiguration {
        command_index: 0,
        total_commands: 1,
        events,
    });
    let xml = document(&components(0x00F1, [component(0, 0x0708, 0x01, 0x04, Body::Cluster(report))]));
    holds(
        &xml,
        &[
            "<x810E><WANAlert>Enable</WANAlert><HANAlert>Disable</HANAlert><EventLog>Disable</EventLog><Alarm>Enable</Alarm></x810E>",
        ],
    );
}

/// The value is there, and the schema has no form for it.
#[test]
fn a_value_that_does_not_fit_the_schema_is_shown_in_the_message() {
    let xml = document(&answers(0x0052, [got(Data::Enum(2))]));
    holds(&xml, &["<ReadSupplyStatusRsp MessageSuccess=\"true\"><SupplyState>Armed</SupplyState>"]);
    let octets = answers(0x0052, [got(Data::Enum(9))]);
    let made = mmc(&octets, &Context::default()).unwrap();
    assert_eq!((made.typed, made.pieces), (true, 1));
    holds(
        &made.xml,
        &[
            r#"<GBCSData format="plain" sequence="0" name="message" type="gbcs">"#,
            "<ReadSupplyStatusRsp MessageSuccess=\"true\"/>",
        ],
    );
}

/// So many rows as the use case does not have: nothing says which is which.
#[test]
fn rows_of_no_use_case_are_shown_in_their_octets() {
    let xml = document(&answers(0x0052, [got(Data::Enum(2)), got(Data::Enum(1))]));
    holds(&xml, &[r#"<GBCSData format="plain" sequence="1" name="row 2" type="dlms">FgE=</GBCSData>"#]);
}

#[test]
fn more_pieces_than_the_schema_has_room_for_are_the_message_itself() {
    let rows = |n| answers(0x0052, vec![got(Data::Enum(2)); n]);
    assert_eq!(mmc(&rows(100), &Context::default()).unwrap().pieces, 100);
    let made = mmc(&rows(101), &Context::default()).unwrap();
    assert_eq!(made.pieces, 1);
    holds(&made.xml, &[r#"<GBCSData format="plain" sequence="0" name="message" type="gbcs">"#]);
}

#[test]
fn an_alert_names_the_command_and_the_instruction_that_it_is_about() {
    let instruction = [&[0x00, 0x19][..], &1008u64.to_be_bytes(), &[0x23, 0x28, 0, 0, 94, 44, 2, 0, 6]].concat();
    let xml = document(&alert(0x00CC, 0x8F66, [Data::octets(instruction)]));
    holds(
        &xml,
        &[
            "<GBCSHexAlertCode>8F66</GBCSHexAlertCode><AlertDescription>future-dated command actioned</AlertDescription><Timestamp>2022-03-07T20:26:40Z</Timestamp>",
            "<COSEMFutureDatedAlert><FutureDatedCommandMessageCode>0019</FutureDatedCommandMessageCode><FutureDatedCommandOriginatorCounter>1008</FutureDatedCommandOriginatorCounter><DLMSCOSEMFDInstructionIdentification><ClassId>2328</ClassId><InstanceId>00005E2C0200</InstanceId><AttributeId>06</AttributeId>",
        ],
    );
    let data = AlertData::FutureDated {
        message_code: MessageCode(0x006B),
        counter: Counter(9),
        cluster: 0x0707,
        frame_control: 0x09,
        command: 0,
    };
    let gas = Alert { code: 0x8F67, time: 473_385_600, data };
    let xml = document(&message(0x00CD, Cra::Alert, &Payload::GbzAlert(gas)));
    holds(
        &xml,
        &[
            "<GBZFDInstructionIdentification><ExtendedHeaderClusterID>0707</ExtendedHeaderClusterID><FrameControl>09</FrameControl><CommandIdentifier>00</CommandIdentifier>",
        ],
    );
}

#[test]
fn a_gas_meter_pushes_its_billing_data_log() {
    let snapshot = PublishSnapshot {
        id: 0,
        time: 473_385_600,
        found: 1,
        command_index: 0,
        total_commands: 1,
        cause: 2,
        payload_type: 6,
        total: 12_345u32.into(),
        tiers: 4,
        tier_totals: [1u32, 2, 3, 4].map(U48::from),
        tiers_and_blocks: 0x14,
        block_totals: [5u32, 6, 7, 8].map(U48::from),
    };
    let sealed = Component {
        content: Content::Encrypted { frame_counter: 0, blob: vec![0x31, 0, 0, 0, 0, 0xAB] },
        ..component(0, 0x0702, 0x19, 0x06, Body::from(snapshot.clone()))
    };
    let alert = Alert { code: 0x8F0A, time: 473_385_600, data: AlertData::Component(sealed) };
    let octets = message(0x008B, Cra::Alert, &Payload::GbzAlert(alert));
    holds(
        &document(&octets),
        &[
            r#"<GBCSData format="encrypted" sequence="0" name="Publish Snapshot" type="zigbeeCiphered">MQAAAACr</GBCSData>"#,
            "<GBCSHexAlertCode>8F0A</GBCSHexAlertCode>",
        ],
    );
    let made = opened(&octets, &[part(0, Plain::Zcl(snapshot.into()))]);
    assert_eq!(made.pieces, 0, "{}", made.xml);
    holds(
        &made.xml,
        &[
            r#"<GSMEBillingDataLogEntry><Timestamp>2015-01-01T00:00:00Z</Timestamp><ActiveImportRegisterValueConsumption>12.345</ActiveImportRegisterValueConsumption><BlockRegisterMatrixValue index="1">0.005</BlockRegisterMatrixValue>"#,
        ],
    );
}

#[test]
fn an_alert_that_says_more_than_the_schema_has_room_for_is_shown_whole() {
    let xml = document(&alert(0x0110, 0x8F20, [Data::octets(DEVICE.0)]));
    holds(&xml, &[r#"<GBCSData format="plain" sequence="0" name="message" type="gbcs">"#, "<GBCSHexAlertCode>8F20"]);
    let unasked = document(&alert(0x1000, 0x8154, [Data::Unsigned(7)]));
    holds(&unasked, &[r#"<GBCSData format="plain" sequence="0" name="alert data 1" type="dlms">EQc=</GBCSData>"#]);
    let plain = document(&alert(0x1000, 0x8154, []));
    holds(&plain, &["<DeviceAlertMessage><DeviceAlertContent><GBCSHexAlertCode>8154"]);
}

#[test]
fn statuses_of_joining_and_of_firmware_have_their_names() {
    let joined = asn1::Content::Joined(asn1::JoinStatus::LogFull);
    let xml = document(&message(0x000D, Cra::Response, &Payload::Asn1(joined.into())));
    holds(
        &xml,
        &[
            r#"<JoinServiceCriticalRsp MessageSuccess="false"><joinResponseCode ResponseCode="4"><ASN1Status>deviceLogFull</ASN1Status>"#,
        ],
    );
    let unknown = asn1::Content::Unjoined(asn1::UnjoinStatus::from_number(99));
    let xml = document(&message(0x0010, Cra::Response, &Payload::Asn1(unknown.into())));
    holds(&xml, &[r#"<unjoinResponseCode ResponseCode="99"><ASN1Status>notKnown</ASN1Status>"#]);
    let accepted = document(&message(0x0012, Cra::Response, &Payload::Asn1(asn1::Content::ActivationAccepted.into())));
    holds(&accepted, &[r#"<ActivateFirmwareRsp MessageSuccess="true"/>"#]);
}

#[test]
fn the_service_asked_for_is_the_one_answered_and_another_use_case_is_refused() {
    let octets = answers(0x0062, [failed(Choice::Set, 1)]);
    let asked = |srv: &str| mmc(&octets, &Context { srv: srv.parse().ok(), ..Context::default() });
    assert_eq!(mmc(&octets, &Context::default()).unwrap().srv, "6.11".parse().ok());
    holds(&asked("8.1.1").unwrap().xml, &["<CommissionDeviceSynchroniseClockRsp MessageSuccess=\"false\"/>"]);
    assert!(matches!(asked("4.3"), Err(MmcError::Service { .. })));
    // A Command of the broker joins for a User; his own is critical.
    let joined =
        message(0x00AB, Cra::Response, &Payload::Asn1(asn1::Content::Joined(asn1::JoinStatus::Success).into()));
    let by = |brokers| mmc(&joined, &Context { brokers, ..Context::default() }).unwrap().srv;
    assert_eq!((by(&[]), by(&[USER])), ("8.7.1".parse().ok(), "8.7.2".parse().ok()));
}

#[test]
fn a_command_has_no_document() {
    let id = MessageId { originator: USER, target: DEVICE, cra: Cra::Command, counter: COUNTER };
    let rows = [gbcs::dlms::Row::get(112, gbcs::dlms::Obis([0, 0, 19, 10, 0, 255]), 2)];
    let payload = gbcs::dlms::AccessRequest::new(COUNTER, rows).encode();
    let command = Message::plain(GroupingHeader::new(id, MessageCode(0x0069)), payload).encode();
    assert_eq!(mmc(&command, &Context::default()), Err(MmcError::Command));
    assert!(matches!(mmc(&[0xDF], &Context::default()), Err(MmcError::Malformed(_))));
}
