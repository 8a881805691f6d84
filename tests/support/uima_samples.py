"""Small files of UIMA."""

from __future__ import annotations

DKPRO = "de.tudarmstadt.ukp.dkpro.core.api."


CAS_TEXT = "😀 Ann Bee met Zoë.\nShe sang."


def cas(*structures, text=CAS_TEXT, types=None, **more):
    sofa = {"%ID": 1, "%TYPE": "uima.cas.Sofa", "sofaNum": 1, "sofaID": "_InitialView", "sofaString": text}
    return {"%TYPES": types or {}, "%FEATURE_STRUCTURES": [*structures, sofa], "%VIEWS": {}, **more}


def annotation(number, layer, start, end, **features):
    return {"%ID": number, "%TYPE": layer, "@sofa": 1, "begin": start, "end": end, **features}


def arrow(number, head, tail, layer="custom.Relation", **features):
    return annotation(number, layer, 15, 18, **{"@Governor": head, "@Dependent": tail}, **features)


NE = DKPRO + "ner.type.NamedEntity"


STRUCTURES = [
    annotation(10, NE, 3, 10, value="PERSON", identifier="Q1"),
    annotation(11, "custom.Part", 3, 6, kind="NAME"),
    annotation(12, NE, 15, 18, value="PERSON"),
    annotation(13, DKPRO + "lexmorph.type.pos.POS", 11, 14, PosValue="VERB"),
    annotation(14, DKPRO + "metadata.type.DocumentMetaData", 0, 29, language="en", documentTitle="a.txt"),
    annotation(15, "custom.Nothing", 5, 5),
    arrow(20, 10, 12, label="met"),
    arrow(21, 12, 13, layer="custom.Bare"),
    arrow(22, 10, 12),
    arrow(23, 11, 15, label="of nothing"),
    arrow(24, 13, 13, layer=DKPRO + "syntax.type.dependency.Dependency", DependencyType="ROOT"),
]


HEADER = (
    "#FORMAT=WebAnno TSV 3.3",
    f"#T_SP={NE}|identifier|value",
    "#T_SP=custom.Event|kind|ROLE_custom.Event:who_custom.EventWhoLink|" + NE,
    f"#T_CH={DKPRO}coref.type.CoreferenceLink|referenceType|referenceRelation",
    f"#T_RL=custom.Relation|label|BT_{NE}",
    "",
    "",
)


ROWS = (
    "#Sentence.id=s1",
    "#Text=😀 Ann [Bee] met",
    "#Text=Zoë.",
    "1-1\t0-2\t😀\t_\t_\t_\t_\t_\t_\t_\t_\t_\t",
    "1-2\t3-6\tAnn\tQ\\_1[1]|*[2]\tPERSON[1]|NA\\|ME[2]\t_\t_\t_\t_\t_\tmet|saw\t1-5[0_1]|1-5[0_2]\t",
    "1-3\t7-12\t[Bee]\tQ\\_1[1]\tPERSON[1]\t_\t_\t_\t_\t_\t_\t_\t",
    "1-4\t13-16\tmet\t_\t_\tMeeting\tguest;*\t1-2[2];1-5\t_\t_\t_\t_\t",
    "1-5\t17-20\tZoë\t*\t*\t_\t_\t_\tpr[3]\tcoref->3-1\t_\t_\t",
    "1-5.1\t17-18\tZ\t*\tLETTER\t_\t_\t_\t_\t_\t*\t1-2[1_0]\t",
    "1-5.2\t20-20\t\t*\t*\t_\t_\t_\t_\t_\t_\t_\t",
    "1-6\t20-21\t.\t_\t_\t_\t_\t_\t_\t_\t_\t_\t",
    "",
    "#Text=She\\tsang .",
    "2-1\t24-27\tShe\t_\t_\t_\t_\t_\t_\t_\t_\t_\t",
    "2-2\t28-32\tsang\t_\t_\t_\t_\t_\t_\t_\t_\t_\t",
    "2-3\t33-34\t.\t_\t_\t_\t_\t_\t_\t_\t_\t_\t",
    "",
)
