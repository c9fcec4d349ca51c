"""Rules about the row that serving builds and the row that training used."""
