"""The class list: the order that every network's outputs have."""

import numpy as np
import pytest

from alexbench.datasets.classes import CLASS_COUNT, class_list, devkit_order, index_by_wnid


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


def test_the_devkits_order_is_a_permutation_that_nobody_can_change() -> None:
    assert np.array_equal(np.sort(devkit_order()), np.arange(CLASS_COUNT))
    assert [each.ilsvrc2012_id - 1 for each in class_list()] == devkit_order().tolist()
    with pytest.raises(ValueError, match="read-only"):
        devkit_order()[0] = 0


@pytest.mark.parametrize(
    ("ilsvrc2012_id", "wnid", "name"),
    [
        (1, "n02119789", "kit fox"),
        (2, "n02100735", "English setter"),
        (3, "n02110185", "Siberian husky"),
        (211, "n02106662", "German shepherd"),
        (361, "n09193705", "alp"),  # the label of ILSVRC2012_val_00000002
        (449, "n01440764", "tench"),
        (490, "n01751748", "sea snake"),  # the label of ILSVRC2012_val_00000001
        (600, "n04275548", "spider web"),
        (782, "n03710637", "maillot"),
        (889, "n15075141", "toilet tissue"),
        (977, "n03710721", "maillot"),
        (1000, "n03255030", "dumbbell"),
    ],
)
def test_classes_stand_where_the_devkit_counts_them(ilsvrc2012_id: int, wnid: str, name: str) -> None:
    found = class_list()[devkit_order().tolist().index(ilsvrc2012_id - 1)]
    assert (found.wnid, found.ilsvrc2012_id) == (wnid, ilsvrc2012_id)
    assert found.name.startswith(name)
