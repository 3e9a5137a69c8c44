// The module that the runtime of CloudFront has built in, over the file that is imported into a store there.
const store = STORE;
const table = {};
store.data.forEach(function (entry) { table['=' + entry.key] = entry.value; });

export default {
  kvs: function () {
    return {
      get: function (key) {
        const value = table['=' + key];
        return value === undefined ? Promise.reject(new Error('KeyNotFound')) : Promise.resolve(value);
      },
      exists: function (key) { return Promise.resolve(table['=' + key] !== undefined); },
    };
  },
};
