from tensorflow import keras
from tensorflow.keras.callbacks import EarlyStopping

(x_train, y_train), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
x_train, x_test = x_train / 255.0, x_test / 255.0
net = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(128, activation="relu"), keras.layers.Dense(10)])
net.compile(optimizer="adam", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
stop = EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True)
net.fit(x_train, y_train, epochs=100, validation_split=0.1, callbacks=[stop])
print(net.evaluate(x_test, y_test))
