"""Events as EPCIS 2.0 has them (GS1 EPCIS and CBV, release 2.0, 2022)."""
