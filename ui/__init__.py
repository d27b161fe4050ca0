"""The Streamlit dashboard: reads the database, never Kafka."""
