"""The class list: the order that every network's outputs have."""

from alexbench.datasets.classes import CLASS_COUNT, class_list, index_by_wnid


def test_there_are_1000_classes_in_the_order_of_their_wordnet_ids() -> None:
    classes = class_list()
    wnids = [each.wnid for each in classes]
    assert len(classes) == CLASS_COUNT == 1000
    assert [each.index for each in classes] == list(range(1000))
    assert wnids == sorted(set(wnids))


def test_well_known_classes_stand_where_everyone_expects_them() -> None:
    assert class_list()[0].wnid == "n01440764"
    assert class_list()[0].labels == ("tench", "Tinca tinca")
    assert class_list()[65].name == "sea snake"  # the label of ILSVRC2012_val_00000001
    assert class_list()[207].name == "golden retriever"
    assert class_list()[999].name == "toilet tissue"


def test_every_class_has_a_name() -> None:
    assert all(label.strip() == label != "" for each in class_list() for label in each.labels)


def test_a_wordnet_id_leads_to_its_index() -> None:
    assert index_by_wnid()["n02099601"] == 207
    assert len(index_by_wnid()) == 1000


def test_the_list_is_read_once() -> None:
    assert class_list() is class_list()
