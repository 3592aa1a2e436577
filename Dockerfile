# The image that the stack runs: Airflow, and penstock with its locked dependencies in one layer.
FROM apache/airflow:3.3.2-python3.11

USER airflow
WORKDIR /opt/penstock
COPY --chown=airflow:root pyproject.toml requirements.txt README.md LICENSE ./
COPY --chown=airflow:root include/penstock include/penstock
RUN pip install --no-cache-dir uv \
    && uv pip install --no-cache --compile-bytecode --constraint requirements.txt '.[airflow]'
COPY --chown=airflow:root include/config include/config
COPY --chown=airflow:root include/samples include/samples
COPY --chown=airflow:root dags dags
COPY --chown=airflow:root plugins plugins

ENV PYTHONPATH=/opt/penstock/include \
    PENSTOCK_CONFIG=/opt/penstock/include/config/penstock.toml \
    PENSTOCK_HOME=/var/lib/penstock \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/penstock/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/penstock/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False
