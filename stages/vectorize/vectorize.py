"""Turn a dataset's texts into multi-hot rows: a one for each distinct word of a text, and only the ones are kept.

Reads   data/raw/D/, the official files of a dataset of Keras, or a user's own labelled texts
Params  datasets.D, and of the dataset whose texts it names
Writes  data/vectorized/D/{train,test}/{indptr,indices,labels,hashes,shape}.npy, see `rows.py`
        data/vectorized/D/labels.json, the name of each label; word_index.json, the index of each term; features.json,
        what of a text makes a term, and how networks weigh it

The rows of a dataset of Keras are those of `keras.datasets.D.load_data(num_words)`, see official.py; with pairs of
words, or terms of enough texts only, they are in the same order, see official_terms.py. Your own texts
pass twice, on all cores: first they are split and their words counted, then they are encoded. Their vocabulary comes
from training texts alone. The result depends neither on the number of cores nor on the format or order of the files;
memory grows with the distinct words of the corpus, not with its texts. See labelled.py.
"""

if __name__ == "__main__":
    raise SystemExit("error: start a stage as dvc.yaml does: python -m stages vectorize@DATASET")


from tqdm import tqdm

from stages.common.basics.artifacts import new_directory, write_json
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import dataset_of
from stages.common.basics.params.sections import TextDataset
from stages.common.basics.paths import HERE
from stages.vectorize.labelled import vectorize_texts
from stages.vectorize.official import vectorize_official
from stages.vectorize.official_terms import vectorize_official_terms


def vectorize(params: Params, name: str) -> None:
    dataset = dataset_of(params, name)
    raw = HERE.raw(dataset.texts)
    with new_directory(HERE.vectorized(name)) as folder:
        if isinstance(dataset, TextDataset):
            with tqdm(unit=" texts", unit_scale=True, disable=None, leave=False) as progress:
                rows = vectorize_texts(dataset, raw, folder, progress.update)
        elif dataset.are_of_keras:
            rows = vectorize_official(dataset, raw, folder)
        else:
            rows = vectorize_official_terms(dataset, raw, folder)
        write_json(folder / "features.json", {"ngrams": dataset.ngrams, "weighting": dataset.weighting})
    print(f"{name}: {rows['train']:,} training and {rows['test']:,} test texts as multi-hot rows")
