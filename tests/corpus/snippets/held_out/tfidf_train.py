import json
from pathlib import Path

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import MultinomialNB
from sklearn.preprocessing import LabelEncoder

mails = [json.loads(line) for line in Path("mails.jsonl").read_text().splitlines()]
texts = [mail["body"] for mail in mails]
spam = LabelEncoder().fit_transform([mail["kind"] for mail in mails])
train_texts, test_texts, s_train, s_test = train_test_split(texts, spam, test_size=0.25)
vectorizer = TfidfVectorizer(min_df=3, stop_words="english")
bayes = MultinomialNB()
bayes.fit(vectorizer.fit_transform(train_texts), s_train)
print(bayes.score(vectorizer.transform(test_texts), s_test))
