"""Tables as datasets bring them: separators, byte order marks, line ends, sheets, longer names."""

import re
import sys
import zipfile

import pandas as pd
import pytest

from idsharp.datasets import DatasetError
from idsharp.datasets.formats.spreadsheets import find_table, read_table


def read(path, *columns, **options):
    return read_table(path, columns, dataset="mine", **options)


@pytest.mark.parametrize("separator", [",", ";", "|", "\t"])
def test_text_with_any_separator(tmp_path, separator):
    rows = [["Patient ID", "Start Row", "note"], ["Breast_MRI_001", "007", "NA"], ["b", "", " x "]]
    lines = "\r\n".join(separator.join(row) for row in rows)
    (tmp_path / "t.csv").write_bytes(("\ufeff" + lines + "\r\n").encode())
    table = read(tmp_path / "t.csv", "Patient ID", "Start Row")
    assert list(table) == ["Patient ID", "Start Row", "note"]
    assert table["Start Row"].tolist() == ["007", ""], "leading zeros stay, empty cells are empty"
    assert table["note"].tolist() == ["NA", "x"], "NA is a word, blanks around it are not"


def test_latin_1(tmp_path):
    (tmp_path / "t.txt").write_bytes("ID|NOTE\n9000099|30° flexion\n".encode("latin-1"))
    assert read(tmp_path / "t.txt").iloc[0].tolist() == ["9000099", "30° flexion"]


def test_short_rows_have_empty_cells(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1\n")
    assert read(tmp_path / "t.csv")["b"].tolist() == [""]


def test_columns_are_found_by_name(tmp_path):
    (tmp_path / "t.csv").write_text("UCLA Score (Similar to PIRADS v2),patient id,Path,Pathology\n")
    assert list(read(tmp_path / "t.csv", "UCLA Score", "PatientID", "Path")) == [
        "UCLA Score", "PatientID", "Path", "Pathology",
    ]  # fmt: skip
    assert list(read(tmp_path / "t.csv", "Pathology", only=True)) == ["Pathology"]
    with pytest.raises(DatasetError, match=r"no column 'Patho'; its columns are UCLA Score \(Sim"):
        read(tmp_path / "t.csv", "Patho")


def test_a_name_that_two_columns_begin_with_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("Start Row (px),Start Row (mm)\n")
    with pytest.raises(DatasetError, match=r"several columns 'Start Row' \(Start Row \(px\), "):
        read(tmp_path / "t.csv", "Start Row")


def test_the_very_name_goes_before_one_that_is_alike(tmp_path):
    (tmp_path / "t.csv").write_text("start_row,Start Row\n1,2\n")
    assert read(tmp_path / "t.csv", "Start Row")["Start Row"].tolist() == ["2"]


def test_nothing_is_printed_on_a_damaged_workbook(tmp_path, capsys):
    pytest.importorskip("openpyxl")
    pd.DataFrame({"a": ["b"]}).to_excel(tmp_path / "whole.xlsx")
    with (
        zipfile.ZipFile(tmp_path / "whole.xlsx") as whole,
        zipfile.ZipFile(tmp_path / "damaged.xlsx", "w") as damaged,
    ):
        for name in whole.namelist():
            content = whole.read(name)
            if name == "xl/styles.xml":
                content, n = re.subn(rb"<(cellStyleXfs).*</cellStyleXfs>", rb"<\1/>", content)
                assert n == 1
            damaged.writestr(name, content)
    with pytest.raises(DatasetError, match=r"damaged\.xlsx cannot be read as a table"):
        read(tmp_path / "damaged.xlsx")
    assert capsys.readouterr().out == ""


def test_without_a_header(tmp_path):
    (tmp_path / "t.csv").write_text("a/1.png\r\nb/2.png\r\n")
    assert read(tmp_path / "t.csv", "path", header=False)["path"].tolist() == ["a/1.png", "b/2.png"]
    with pytest.raises(DatasetError, match="has 1 columns; expected 2: path, label"):
        read(tmp_path / "t.csv", "path", "label", header=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no table"),
        (b"", "is empty"),
        (b"\xff\xfe\x00\x01", "cannot be read as a table .it is no text"),
        (b"a,b\n1,2\n1,2,3,4\n", "cannot be read as a table .*line 3"),
        (b"a,b\n1,2,3\n1,2,3\n", "cannot be read as a table .*Length of header"),
    ],
)
def test_what_is_no_table_is_named(tmp_path, content, message):
    if content is not None:
        (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        read(tmp_path / "t.csv", "a")


@pytest.mark.parametrize("inside", [None, b"<worksheet", b"<sheet><sheetData></wrong>", b"\xff"])
def test_a_broken_workbook_is_named(tmp_path, inside):
    pytest.importorskip("openpyxl")
    (tmp_path / "t.xlsx").write_bytes(b"PK no workbook")
    if inside is not None:
        pd.DataFrame({"a": [1]}).to_excel(tmp_path / "whole.xlsx")
        with (
            zipfile.ZipFile(tmp_path / "whole.xlsx") as whole,
            zipfile.ZipFile(tmp_path / "t.xlsx", "w") as broken,
        ):
            for name in whole.namelist():
                broken.writestr(name, inside if "sheet1" in name else whole.read(name))
    with pytest.raises(DatasetError, match=r"t\.xlsx cannot be read as a table"):
        read(tmp_path / "t.xlsx", "a")


def test_a_workbook_reads_as_the_same_table_in_csv(tmp_path):
    pytest.importorskip("openpyxl")
    frame = pd.DataFrame({"Patient ID": ["001", None], "Start Row": [7.0, 2.5], "UCLA": [3, 5]})
    frame.to_excel(tmp_path / "t.xlsx", index=False)
    table = read(tmp_path / "t.xlsx", "patient id")
    assert table.to_dict("list") == {
        "patient id": ["001", ""], "Start Row": ["7", "2.5"], "UCLA": ["3", "5"],
    }  # fmt: skip


def test_a_missing_openpyxl_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    (tmp_path / "t.xlsx").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"t\.xlsx needs the package openpyxl: pip install"):
        read(tmp_path / "t.xlsx", "a")


def test_a_table_is_found_by_the_beginning_of_its_name(tmp_path):
    assert find_table(tmp_path / "absent", "Target Data") is None
    for name in ("Target-Data_2019-12-05.xlsx", "~$Target Data.xlsx", "Target Data.pdf", "x.csv"):
        (tmp_path / name).touch()
    assert find_table(tmp_path, "Target Data").name == "Target-Data_2019-12-05.xlsx"
    (tmp_path / "target data.csv").touch()
    assert find_table(tmp_path, "Target Data").name == "target data.csv"
    assert find_table(tmp_path, "Annotation_Boxes") is None


def test_real_sheets(real_data):
    boxes = read_table(
        real_data / "original_formats/duke_breast/Annotation_Boxes.csv",
        ["Patient ID", "Start Slice", "End Slice"], dataset="dbc",
    )  # fmt: skip
    assert len(boxes) == 922
    assert boxes.iloc[0]["Patient ID"] == "Breast_MRI_001"
    assert boxes.iloc[0]["End Slice"] == "112"
    pytest.importorskip("openpyxl")
    folder = real_data / "original_formats/prostate_us_mri"
    columns = ["Patient ID", "seriesInstanceUID_US", "UCLA Score"]
    targets = read_table(find_table(folder, "Target Data"), columns, dataset="prostate")
    assert len(targets) == 1621
    assert targets["Patient ID"].nunique() == 840
    assert targets["UCLA Score"].value_counts()[["0", "3", "5"]].tolist() == [17, 655, 298]
