-- What a bank of version 1 left in its file, as it was: the tests go on with it.
BEGIN TRANSACTION;
CREATE TABLE authorizations (
    id TEXT PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE REFERENCES operations (reference),
    state TEXT NOT NULL CHECK (state IN ('approved', 'declined', 'action_required', 'voided')),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    captured_minor INTEGER NOT NULL CHECK (captured_minor BETWEEN 0 AND amount_minor),
    refunded_minor INTEGER NOT NULL CHECK (refunded_minor BETWEEN 0 AND captured_minor),
    currency TEXT NOT NULL,
    last4 TEXT NOT NULL CHECK (length(last4) = 4),
    scenario TEXT
);
INSERT INTO "authorizations" VALUES('auth_6vcefztopepk43rh6f56','op_sale','approved',10000,10000,4000,'usd','4242',NULL);
INSERT INTO "authorizations" VALUES('auth_uyw6vdocxdfyjicevsm0','op_held','approved',2500,0,0,'usd','4242',NULL);
INSERT INTO "authorizations" VALUES('auth_1olhnkitmun3kvolnmfc','op_declined','declined',10000,0,0,'usd','9995',NULL);
INSERT INTO "authorizations" VALUES('auth_k3t1y3g22sw3nuwxgeie','op_open','action_required',10000,0,0,'usd','3184',NULL);
INSERT INTO "authorizations" VALUES('auth_ryk5rlcz93uzgzwkkwfa','op_open_voided','voided',10000,0,0,'usd','3184',NULL);
INSERT INTO "authorizations" VALUES('auth_kmnjkp8io7txix7w7sbj','op_open_buried','voided',10000,0,0,'usd','3184',NULL);
INSERT INTO "authorizations" VALUES('auth_jnxy7vaoafua05hpie4b','op_returning','approved',100,100,0,'usd','5126','refund_fails_later');
CREATE TABLE operations (
    sequence INTEGER PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    worked INTEGER NOT NULL CHECK (worked IN (0, 1)),
    approved INTEGER NOT NULL CHECK (approved IN (0, 1)),
    answer TEXT NOT NULL
);
INSERT INTO "operations" VALUES(1,'op_sale','authorize','bcf73649f4119f4e4cdaf703ea8784dce0e7aa96fedd1ff1599bc0c89f32a1b0',1,1,'{"id": "auth_6vcefztopepk43rh6f56", "reference": "op_sale", "kind": "authorize", "created": 1795233861, "status": "approved", "amount": 10000, "currency": "usd", "captured": 10000, "authorization_code": "598839", "network_transaction_id": "ZIZYDVHNMVJ7DFQ", "decline_code": null, "checks": {"cvc": "pass", "address_line1": "unchecked", "address_postal_code": "unchecked"}, "redirect_url": null, "fee": 150, "scenario": null}');
INSERT INTO "operations" VALUES(2,'op_refund','refund','6a16489ddcbe34b6e1a5c7d893d3b76fa56ec04e53a78f6c769f6baae506b608',1,1,'{"id": "ref_lejbih2dccf765w6two7", "reference": "op_refund", "kind": "refund", "created": 1795233861, "status": "approved", "authorization": "auth_6vcefztopepk43rh6f56", "currency": "usd", "decline_code": null, "scenario": null, "amount": 4000}');
INSERT INTO "operations" VALUES(3,'op_held','authorize','341ce59c27f4f28da115370ff6076f27eec91486a5410796063d448e2cd3596e',1,1,'{"id": "auth_uyw6vdocxdfyjicevsm0", "reference": "op_held", "kind": "authorize", "created": 1795233861, "status": "approved", "amount": 2500, "currency": "usd", "captured": 0, "authorization_code": "177326", "network_transaction_id": "WC88QDT1Z1UPWRR", "decline_code": null, "checks": {"cvc": "pass", "address_line1": "unchecked", "address_postal_code": "unchecked"}, "redirect_url": null, "fee": 0, "scenario": null}');
INSERT INTO "operations" VALUES(4,'op_declined','authorize','446ba5ab27b7155ab857bcbea7850cb2408ef7dd02ac6dae663241ce367c63a1',1,0,'{"id": "auth_1olhnkitmun3kvolnmfc", "reference": "op_declined", "kind": "authorize", "created": 1795233861, "status": "declined", "amount": 10000, "currency": "usd", "captured": 0, "authorization_code": null, "network_transaction_id": null, "decline_code": "insufficient_funds", "checks": {"cvc": "pass", "address_line1": "unchecked", "address_postal_code": "unchecked"}, "redirect_url": null, "fee": 0, "scenario": null}');
INSERT INTO "operations" VALUES(5,'op_open','authorize','eef79c73fbecee63c8145749e49fcf76c66ccbb6c66290008fdaaa37accd30da',1,0,'{"id": "auth_k3t1y3g22sw3nuwxgeie", "reference": "op_open", "kind": "authorize", "created": 1795233861, "status": "action_required", "amount": 10000, "currency": "usd", "captured": 0, "authorization_code": null, "network_transaction_id": null, "decline_code": null, "checks": {"cvc": "pass", "address_line1": "unchecked", "address_postal_code": "unchecked"}, "redirect_url": "http://127.0.0.1:33169/challenge/auth_k3t1y3g22sw3nuwxgeie", "fee": 0, "scenario": null}');
INSERT INTO "operations" VALUES(6,'op_open_voided','authorize','1d2bae028ef34cd4ea8dfd3eef33eac3d1072293d9c4347664fb562c548d2a2c',1,0,'{"id": "auth_ryk5rlcz93uzgzwkkwfa", "reference": "op_open_voided", "kind": "authorize", "created": 1795233861, "status": "action_required", "amount": 10000, "currency": "usd", "captured": 0, "authorization_code": null, "network_transaction_id": null, "decline_code": null, "checks": {"cvc": "pass", "address_line1": "unchecked", "address_postal_code": "unchecked"}, "redirect_url": "http://127.0.0.1:33169/challenge/auth_ryk5rlcz93uzgzwkkwfa", "fee": 0, "scenario": null}');
INSERT INTO "operations" VALUES(7,'op_void','void','23991ca70cf061f05dd813d3b15de14f9c644f95287573a1fc37e1af40c452a7',1,1,'{"id": "void_gxlyj3q9qsmy7861byp3", "reference": "op_void", "kind": "void", "created": 1795233861, "status": "approved", "authorization": "auth_ryk5rlcz93uzgzwkkwfa", "currency": "usd", "decline_code": null, "scenario": null, "amount": 10000}');
INSERT INTO "operations" VALUES(8,'op_open_buried','authorize','1d2bae028ef34cd4ea8dfd3eef33eac3d1072293d9c4347664fb562c548d2a2c',1,0,'{"id": "auth_kmnjkp8io7txix7w7sbj", "reference": "op_open_buried", "kind": "authorize", "created": 1795233861, "status": "declined", "amount": 10000, "currency": "usd", "captured": 0, "authorization_code": null, "network_transaction_id": null, "decline_code": "tombstoned", "checks": {"cvc": "pass", "address_line1": "unchecked", "address_postal_code": "unchecked"}, "redirect_url": null, "fee": 0, "scenario": null, "reversed": true}');
INSERT INTO "operations" VALUES(9,'op_returning','authorize','a7d720aa7770c6f70c1033a68bcaf0ad8dc3895ef73b8ccad0794b829fa801e8',1,1,'{"id": "auth_jnxy7vaoafua05hpie4b", "reference": "op_returning", "kind": "authorize", "created": 1795233861, "status": "approved", "amount": 100, "currency": "usd", "captured": 100, "authorization_code": "246348", "network_transaction_id": "QFTWX96BYR31V8A", "decline_code": null, "checks": {"cvc": "pass", "address_line1": "unchecked", "address_postal_code": "unchecked"}, "redirect_url": null, "fee": 2, "scenario": "refund_fails_later"}');
CREATE TABLE secret (value BLOB NOT NULL);
INSERT INTO "secret" VALUES(X'20EBE4028DC9DF913AA39195D603D74FD93F985642FBCC657C4579014284D4A4');
CREATE TABLE tombstones (
    reference TEXT PRIMARY KEY,
    reversed INTEGER NOT NULL CHECK (reversed IN (0, 1))
);
INSERT INTO "tombstones" VALUES('op_open_buried',1);
INSERT INTO "tombstones" VALUES('op_buried',0);
CREATE INDEX operations_kind ON operations (kind, worked, approved);
COMMIT;
PRAGMA user_version = 1;
